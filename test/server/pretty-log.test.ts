import { describe, expect, it } from 'vitest'
import { PrettyLog, type PrettyLogOptions } from '../../src/server/pretty-log.js'

function logWith(options: Partial<PrettyLogOptions> = {}) {
  const written: string[] = []
  const now = () => new Date(2026, 10, 3, 4, 5, 6, 7)
  const write = (text: string) => void written.push(text)
  return { log: new PrettyLog({ least: 'debug', colours: false, write, now, ...options }), written }
}

describe('the log for people', () => {
  it('writes time, level, text and fields in one line', () => {
    const { log, written } = logWith()
    log.info({ queues: 3, name: 'a\nb', absent: undefined }, 'recovered')
    log.warn({}, 'plain')
    expect(written).toEqual([
      '[2026-11-03 04:05:06.007] INFO: recovered {"queues":3,"name":"a\\nb"}\n',
      '[2026-11-03 04:05:06.007] WARN: plain\n',
    ])
  })

  it('adds the fields of its children, the last of which wins', () => {
    const { log, written } = logWith()
    log.child({ connection: 'c', channel: 1 }).child({ channel: 2 }).debug({ code: 404 }, 'closing')
    expect(written).toEqual(['[2026-11-03 04:05:06.007] DEBUG: closing {"connection":"c","channel":2,"code":404}\n'])
  })

  it('writes an error with its stack and its causes below the line', () => {
    const { log, written } = logWith()
    log.error({ err: new Error('outer', { cause: new RangeError('inner') }), queue: 'q' }, 'damaged')
    const [first, ...stack] = (written[0] ?? '').split('\n')
    expect(first).toBe('[2026-11-03 04:05:06.007] ERROR: damaged {"queue":"q"}')
    expect(stack[0]).toBe('    Error: outer')
    expect(stack[1]).toMatch(/^ {8}at /)
    expect(stack.join('\n')).toContain('RangeError: inner')
    expect(stack.at(-1)).toBe('')
  })

  it('shows what is called an error and is none among the fields', () => {
    const { log, written } = logWith()
    log.warn({ err: 'text' }, 'odd')
    expect(written).toEqual(['[2026-11-03 04:05:06.007] WARN: odd {"err":"text"}\n'])
  })

  it('writes fields that JSON has no words for', () => {
    const { log, written } = logWith()
    log.info({ size: 5n }, 'large')
    expect(written).toEqual(['[2026-11-03 04:05:06.007] INFO: large { size: 5n }\n'])
  })

  it.each([
    ['debug', ['DEBUG', 'INFO', 'WARN', 'ERROR']],
    ['warn', ['WARN', 'ERROR']],
    ['error', ['ERROR']],
    [undefined, []],
  ] as const)('writes from level %s on', (least, levels) => {
    const { log, written } = logWith({ least })
    log.debug({}, 'x')
    log.info({}, 'x')
    log.warn({}, 'x')
    log.error({}, 'x')
    expect(written.map((line) => /\] (\w+):/.exec(line)?.[1])).toEqual(levels)
  })

  it('colours level, text and fields where it may', () => {
    const { log, written } = logWith({ colours: true })
    log.error({ a: 1 }, 'broken')
    expect(written[0]).toBe(
      '[2026-11-03 04:05:06.007] \u001b[31mERROR\u001b[39m: \u001b[36mbroken\u001b[39m \u001b[90m{"a":1}\u001b[39m\n',
    )
  })
})
