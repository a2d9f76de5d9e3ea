import type { Rules } from './rules.js'

/** What holds for every method: sections 1 of the semantics. */
export const conventions: Rules = {
  'semantics 1.1': {
    a: 'A resource is named in a text by its kind, its name and its virtual host, the default exchange by an empty name.',
    b: 'A text about permissions calls the default exchange amq.default.',
    c: 'Terms in texts are printed as Erlang does: integers and atoms bare, texts quoted, binaries in angle brackets.',
    d: 'The reply code alone decides whether a channel or a connection is closed.',
    e: 'Texts have a word of their own for each type of field.',
    f: 'An argument that has to be an integer may have any of the seven types of integers.',
  },
  'semantics 1.2': {
    a: 'Names of queues and exchanges are up to 255 octets, told apart by case.',
    b: 'Line breaks are taken out of names that are declared, deleted, bound or unbound.',
    c: 'Line breaks stay in names that are published to, consumed, got from or purged.',
    d: 'A reserved queue name cannot be declared actively, whether the queue exists or not.',
    e: 'A queue that the broker has named can be declared again passively.',
    f: 'A reserved exchange name is refused for new exchanges only.',
    g: 'A queue and an exchange of one name are two things, and so are those of two virtual hosts.',
    h: 'A made-up queue name is amq.gen- and 22 characters.',
    i: 'A made-up consumer tag is amq.ctag- and 22 characters.',
    j: 'An empty queue name stands for the queue that the channel has declared last, passively or not.',
    k: 'An empty queue name is not found on a channel that has declared nothing.',
    l: 'An empty queue name and an empty binding key both become the name of the last queue.',
  },
  'semantics 1.3': {
    a: 'A method with no-wait has no answer, but its errors are told.',
    b: 'What a method does is done for every other channel once it is answered.',
    c: 'An error takes back nothing that its channel has done before.',
    d: 'An error of a channel gives its unacked messages back and cancels its consumers.',
    e: 'What is missing is reported with 404 and the name of the resource.',
    f: 'Messages of one channel to one queue keep their order.',
    g: 'A consumer gets the messages of a queue in the order of the queue.',
  },
}
