import type { Rules } from './rules.js'

/** Where messages go, and what leads them there: sections 4 and 5 of the semantics. */
export const routing: Rules = {
  'semantics 4': {
    a: 'A message is routed by its key, then those in CC, then those in BCC.',
    b: 'A queue gets one copy however many bindings and keys lead to it.',
  },
  'semantics 4.1': {
    a: 'direct compares the key octet by octet.',
    b: 'fanout takes every binding.',
    c: 'headers does not look at keys.',
  },
  'semantics 4.2': {
    a: '* stands for one word, also the empty one.',
    b: '# stands for any number of words, also none.',
    c: 'A word that is more than a wildcard is literal.',
    d: 'The empty key, and the empty pattern, has no words.',
    e: 'The table of keys and patterns holds.',
    f: '4.3 refuses binding keys with three # or more.',
  },
  'semantics 4.3': {
    a: 'x-match is all, any, all-with-x or any-with-x, and all where it is absent.',
    b: 'Arguments that start with x- count in the modes with-x only, x-match never.',
    c: 'A void argument asks for the presence of a header.',
    d: 'Integers are equal by value whatever their width, and equal to nothing else.',
    e: 'Before 4.x types are compared as well.',
    f: 'With nothing to look at, all matches everything and any nothing.',
    g: 'Of several headers of one name the first counts.',
    h: 'Another x-match is refused with its value, or its type.',
    i: 'A timestamp never equals the timestamp of a binding.',
  },
  'semantics 4.4': {
    a: 'An exchange passes a message on unchanged.',
    b: 'An exchange is visited once for a message.',
    c: 'An alternate exchange is asked when its exchange itself had no destination.',
    d: 'The alternate exchange is that of the argument, else of the policy.',
    e: 'Alternate exchanges form chains; one that is missing or leads back is ignored.',
    f: 'A message that the alternate exchange gets to a queue is not returned.',
    g: 'What an alternate exchange passes on shows the first exchange and key.',
  },
  'semantics 5': {
    a: 'Binding a reply queue is refused.',
    b: 'Write on the destination is asked for first.',
    c: 'The default exchange on either side comes next.',
    d: 'Then comes read on the source, and the topic permission for the key.',
    e: 'A missing source is reported before a missing destination.',
    f: 'Arguments are checked for the type of the source.',
    g: 'The lock of the queue is found last.',
    h: 'A binding is its ends, its key and its arguments in any order, types included.',
    i: 'Binding again equally changes nothing.',
    j: 'A binding is durable if both ends are.',
    k: 'Unbinding asks for the same rights.',
    l: 'Unbinding what is not bound, or not there, is answered like success.',
    m: 'The last binding takes its auto-delete source with it.',
  },
}
