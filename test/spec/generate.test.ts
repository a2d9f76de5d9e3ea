import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { generate } from '../../spec/generate.js'
import { SPEC } from './protocol-spec.js'

const GENERATED = new URL('../../src/protocol/generated/', import.meta.url)

describe('the generated code', () => {
  const files = generate(SPEC)

  it('is committed as the generator writes it now', () => {
    for (const [name, text] of files) expect(readFileSync(new URL(name, GENERATED), 'utf8')).toBe(text)
  })

  it('has no file that the generator does not write', () => {
    expect(readdirSync(GENERATED).toSorted()).toEqual([...files.keys()].toSorted())
  })

  it('keeps its lines within 120 characters and ends with a line end', () => {
    for (const text of files.values()) {
      expect(text.split('\n').filter((line) => line.length > 120)).toEqual([])
      expect(text.endsWith('}\n')).toBe(true)
    }
  })

  it('follows the definition: a new method brings its id, type, reader and encoder', () => {
    const field = { name: 'pigeon-count', type: 'short' } as const
    const send = { id: 10, name: 'send', direction: 'both', doc: 'lets pigeons fly.', fields: [field] } as const
    const methods = generate({ ...SPEC, classes: [{ id: 99, name: 'loft', methods: [send] }] }).get('methods.ts') ?? ''
    expect(methods).toContain('  LoftSend: 0x0063000a,')
    expect(methods).toContain('  readonly pigeonCount: number')
    expect(methods).toContain('const pigeonCount = reader.short()')
    expect(methods).toContain('encodeLoftSend(out: OutputBuffer, channel: number, pigeonCount: number): void {')
  })
})
