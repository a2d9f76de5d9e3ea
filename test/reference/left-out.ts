interface LeftOut {
  readonly reason: string
  readonly rules: readonly string[]
}

/** Rules without a test, with the reason. A rule that has a test must not be here. */
export const LEFT_OUT: readonly LeftOut[] = [
  {
    reason: 'a version of RabbitMQ before the oldest profile, 3.13',
    rules: ['semantics 2.2 b', 'semantics 4.3 e', 'semantics 7.2 b'],
  },
  {
    reason: 'a version of RabbitMQ after the latest profile, 4.3',
    rules: ['semantics 13 b'],
  },
  {
    reason: 'no queue of this broker is one of its own, so none is protected',
    rules: ['semantics 3.5 n'],
  },
  {
    reason: 'a queue with consumers does not expire (semantics 9.3 c), so there is nobody to be told',
    rules: ['semantics 6.6 b'],
  },
  {
    reason: 'streams keep properties and headers as they were published, which loses less than RabbitMQ does',
    rules: ['semantics 12 t'],
  },
  {
    reason:
      'the definition of a policy comes as an object, which has no key twice: for the HTTP interface, a later issue',
    rules: ['semantics 16 ad'],
  },
  {
    reason: 'x-local-random is always there and cannot be switched off',
    rules: ['plugins 3 e'],
  },
  {
    reason: 'the sharding plugin is not offered',
    rules: ['plugins 4 d'],
  },
  {
    reason: 'there is one node, which no other comes to and which is not drained; no virtual host goes down by itself',
    rules: ['plugins 7.2 v'],
  },
  {
    reason: 'RabbitMQ does no such thing: alarms stop publishers and nobody else (semantics 17 k)',
    rules: ['corner resource 2'],
  },
  {
    reason: 'RabbitMQ does no such thing: it limits no rates, and never sends channel.flow',
    rules: ['corner resource 4', 'corner resource 5'],
  },
  {
    reason: 'later issue: moving messages belongs to the management interface and to shovels',
    rules: ['corner promise 8'],
  },
  {
    reason: 'later issue: the management interface',
    rules: Array.from({ length: 9 }, (_, n) => `corner management ${n + 1}`),
  },
  {
    reason: 'later issue: other ways to the broker, TLS, OAuth2, shovel, federation, clustering and MQTT',
    rules: ['plugins 7.2 w', ...Array.from({ length: 8 }, (_, n) => `corner transport ${n + 1}`)],
  },
]
