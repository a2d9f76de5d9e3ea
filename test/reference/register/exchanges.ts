import type { Rules } from './rules.js'

/** How exchanges are declared and deleted: sections 2 of the semantics. */
export const exchanges: Rules = {
  'semantics 2.1': {
    a: 'Every virtual host has seven exchanges from the start, durable and not auto-delete.',
    b: 'Of these only the one for traces is internal.',
    c: 'The default exchange routes to the queue that the routing key names.',
    d: 'The default exchange can be neither declared, deleted, bound nor unbound, on either side.',
  },
  'semantics 2.2': {
    a: 'A type that nobody knows is refused before anything else is looked at.',
    b: 'Before 4.x an unknown type closes the connection with 503.',
    c: 'A word that means something else to the broker is an invalid type of exchange.',
    d: 'The types without plugins are direct, fanout, topic, headers, x-local-random and x-modulus-hash.',
    e: 'The default exchange comes before the permission, and that before the comparison.',
    f: 'The alternate exchange of a new exchange has to be a string.',
    g: 'A new exchange with an alternate exchange needs read on itself and write on that, which need not exist.',
    h: 'Arguments that the type does not take are refused.',
    i: 'No more exchanges are made than the limit of the cluster allows.',
    j: 'An exchange that exists is compared by type, durable, auto-delete, internal and alternate exchange, in that order.',
    k: 'Other arguments are not compared.',
    l: 'A difference shows flags as quoted words, and types that are no plain word in quotes of their own.',
    m: 'A passive declaration compares nothing and takes any word for a type.',
    n: 'A passive declaration misses an exchange that is not there.',
    o: 'A passive declaration needs any one right since 4.2.',
    p: 'A durable exchange survives a restart.',
    q: 'An auto-delete exchange goes with the last binding that starts from it.',
    r: 'An auto-delete exchange that never had a binding stays, whatever leads to it.',
    s: 'Clients cannot publish to an internal exchange.',
    t: 'An internal exchange takes what other exchanges pass on, as destination or alternate.',
    u: 'Unknown arguments are kept and mean nothing.',
  },
  'semantics 2.3': {
    a: 'The default exchange and every name that begins with amq. cannot be deleted, be it there or not.',
    b: 'Deleting needs configure.',
    c: 'With if-unused an exchange stays while a binding starts from it.',
    d: 'Deleting what is not there is answered like success.',
    e: 'Bindings from and to a deleted exchange go with it.',
    f: 'Auto-delete exchanges that lose their last binding by it go as well.',
  },
  'semantics 2.4': {
    a: 'Exchanges are bound to exchanges by the rules for queues.',
    b: 'Circles of exchanges are allowed, and bring one copy to a queue.',
  },
}
