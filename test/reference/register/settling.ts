import type { Rules } from './rules.js'

/** Get, acknowledge, requeue: section 8 of the semantics. */
export const settling: Rules = {
  'semantics 8': {
    a: 'get needs read, and tells how many are left, or that there is none.',
    b: 'get is served beside an exclusive consumer.',
    c: 'get from a stream closes the connection.',
    d: 'Delivery tags count from 1 per channel, over everything that is handed out.',
    e: 'A tag that is unknown, settled, or needs no acknowledgement is refused.',
    f: 'multiple needs its tag to be outstanding, else settles nothing.',
    g: 'multiple with tag 0 settles all, be it nothing.',
    h: 'tag 0 alone is refused.',
    i: 'nack requeues or discards, one or many.',
    j: 'reject requeues or discards one.',
    k: 'recover requeues all of the channel, and is answered.',
    l: 'recover-async does the same without an answer.',
    m: 'recover without requeue closes the connection.',
    n: 'The end of a channel or connection requeues all that is unacked.',
    o: 'Tags are good on their own channel only.',
    p: 'recover does not mind having nothing to do.',
    q: 'A classic queue puts a message back at its place.',
    r: 'A quorum queue serves returned messages first, in the order they came back.',
    s: 'Everything after the first attempt is redelivered, the first is not.',
  },
}
