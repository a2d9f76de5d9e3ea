import { describe, expect, it } from 'vitest'
import { chooseCases, readOptions } from '../../bench/options.js'
import { Estimate, Progress } from '../../bench/progress.js'
import { orderOf, stepOf } from '../../bench/rounds.js'
import { productIn } from '../../bench/server-properties.js'

describe('the command line', () => {
  const all = [{ name: 'quick', sets: ['quick', 'full'] }, { name: 'plain' }, { name: 'probe', sets: ['quick'] }]
  const names = (options) => chooseCases({ case: [], ...options }, all).map(({ name }) => name)

  it('chooses the cases of a set; a case of no set is in the full one', () => {
    expect(names({ set: 'quick' })).toEqual(['quick', 'probe'])
    expect(names({ set: 'full' })).toEqual(['quick', 'plain'])
    expect(names({ set: 'all' })).toEqual(['quick', 'plain', 'probe'])
  })

  it('chooses cases by name, of any set, and by part of a name', () => {
    expect(names({ set: 'chosen', case: ['plain', 'probe'] })).toEqual(['plain', 'probe'])
    expect(names({ set: 'chosen', case: ['p*'] })).toEqual(['plain', 'probe'])
    expect(() => names({ set: 'chosen', case: ['plain', 'pla', '.*'] })).toThrow('there is no case pla, .*; --list')
  })

  it('takes more rounds of the quick set, and windows of one length', () => {
    expect(readOptions([])).toMatchObject({ set: 'quick', rounds: '4', duration: '1', command: 'npm run bench' })
    expect(readOptions(['--full'])).toMatchObject({ set: 'full', rounds: '3', duration: '1' })
    expect(readOptions(['--full', '--rounds', '7'])).toMatchObject({
      rounds: '7',
      command: 'npm run bench:full -- --rounds 7',
    })
  })

  it('tells its command without what changes no figure and without paths', () => {
    const { command } = readOptions(['--tmp', '/', '--json', 'x.json', '--report', '--rabbitmq', '--case', 'idle'])
    expect(command).toBe('npm run bench -- --tmp … --rabbitmq --case idle')
  })

  it.each([
    [['--rounds', '0'], "--rounds takes a whole number above 0, not '0'"],
    [['--rounds', '1.5'], "--rounds takes a whole number above 0, not '1.5'"],
    [['--duration', 'long'], "--duration takes a number of seconds above 0, not 'long'"],
    [['--warmup='], "--warmup takes a number of seconds, not ''"],
    [['--deep', '1e6'], "--deep takes a whole number above 0, not '1e6'"],
    [['--case', 'nonsense'], 'there is no case nonsense'],
    [['--tmp', 'no/such/folder'], '--tmp takes a folder, and there is none at no/such/folder'],
    [['--against', 'package.json'], '--against takes a folder'],
    [['--broker', 'lavinmq'], "--broker takes NAME=amqp://…, not 'lavinmq'"],
    [['--broker', 'a=amqp://['], '--broker takes NAME=amqp://…'],
    [['--colour'], "Unknown option '--colour'"],
    [['extra'], "Unexpected argument 'extra'"],
  ])('refuses %j with a sentence', (args, sentence) => {
    expect(() => readOptions(args)).toThrow(sentence)
  })
})

describe('the order of a run', () => {
  const [ours, other] = [{ name: 'x', isOurs: true }, { name: 'y' }]
  const written = (cases, rounds) =>
    orderOf(cases, [ours, other], rounds).map(({ kase, broker, round }) => `${round}${kase.name}${broker.name}`)

  it('meets each broker in turn, and turns them around in every second round', () => {
    const order = ['1ax', '1ay', '1bx', '1by', '2ay', '2ax', '2by', '2bx']
    expect(written([{ name: 'a' }, { name: 'b' }], 2)).toEqual(order)
  })

  it('has a long case in the first round only', () => {
    expect(written([{ name: 'a' }, { name: 'b', isOnce: true }], 2)).toEqual(['1ax', '1ay', '1bx', '1by', '2ay', '2ax'])
  })

  it('leaves other brokers out of a case that is about ours', () => {
    expect(written([{ name: 'a', isOursOnly: true }, { name: 'b' }], 1)).toEqual(['1ax', '1bx', '1by'])
  })
})

describe('the guess for a run', () => {
  const options = { warmup: '0.5', duration: '1' }
  const guess = (kase) => stepOf({ kase: { name: 'a', ...kase }, broker: { name: 'x' } }, options)

  it('is its window, where the case does not say otherwise, and a little for the rest', () => {
    expect(guess({ load: [] })).toEqual({ key: 'a x', guessS: 2 })
    expect(guess({ load: ['--warmup', '3'] }).guessS).toBe(4.5)
    expect(guess({ load: ['--duration', '60', '--size', '1'] }).guessS).toBe(61)
  })

  it('is some seconds for what has a procedure of its own', () => {
    expect(guess({ special: 'deep' }).guessS).toBe(6)
  })
})

describe('the estimate', () => {
  const steps = [
    { key: 'a', guessS: 10 },
    { key: 'b', guessS: 30 },
    { key: 'a', guessS: 10 },
  ]

  it('is what was guessed before anything is known', () => {
    expect(new Estimate(steps).left).toBe(50)
  })

  it('takes a step to last as long as the same one did, and corrects the other guesses', () => {
    const estimate = new Estimate(steps)
    estimate.done(5)
    expect(estimate.left).toBe(30 * 0.5 + 5)
    estimate.done(60)
    expect(estimate.left).toBe(5)
    estimate.done(5)
    expect(estimate.left).toBe(0)
  })
})

describe('the progress', () => {
  const run = (isTTY) => {
    const written = []
    let nowMs = 0
    const output = { isTTY, write: (text) => written.push(text) }
    const progress = new Progress(
      [0, 1, 2, 3].map(() => ({ key: 'a', guessS: 10 })),
      { output, clock: () => nowMs },
    )
    for (let step = 0; step < 4; step++) {
      progress.begin(`step ${step}`)
      nowMs += 10_000
      progress.end(10)
    }
    progress.say('done')
    return written
  }

  it('changes one line on a terminal', () => {
    const written = run(true)
    expect(written[0]).toBe('4 runs, about 0:40 minutes\n')
    expect(written[2]).toBe('\r\x1b[K[2/4] 0:10 gone, about 0:30 left: step 1')
    expect(written.slice(-2)).toEqual(['\r\x1b[K', 'done\n'])
  })

  it('writes a line now and then elsewhere', () => {
    expect(run(false).filter((text) => text.startsWith('['))).toEqual([
      '[1/4] 0:00 gone, about 0:40 left: step 0\n',
      '[3/4] 0:20 gone, about 0:20 left: step 2\n',
    ])
  })
})

describe('what a broker says it is', () => {
  const field = (name, value) => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(value.length)
    return Buffer.concat([Buffer.from(`${String.fromCharCode(name.length)}${name}S`), length, Buffer.from(value)])
  }

  it('is its product and version', () => {
    const frame = Buffer.concat([Buffer.from('before'), field('version', '1.2.3'), field('product', 'Hare')])
    expect(productIn(frame)).toBe('Hare 1.2.3')
  })

  it('is not known where it does not say, or says it with another type', () => {
    expect(productIn(Buffer.from('\x07productt\x01'))).toBeUndefined()
    expect(productIn(Buffer.from('\x07productS'))).toBeUndefined()
  })
})
