import { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { Turn } from '../../src/base/turn.js'
import { SocketOutput } from '../../src/connection/socket-output.js'
import { OutputBuffers } from '../../src/protocol/output-buffer.js'

describe('the output of a connection', () => {
  it.each([50, 500, 5000])('takes deliveries of %i octets without growing beyond 512 KiB', (octets) => {
    const turn = new Turn(() => undefined)
    const output = new SocketOutput(new Socket(), turn, new OutputBuffers(), () => undefined)
    const delivery = Buffer.alloc(octets)
    let count = 0
    while (output.canTake) {
      output.buffer.copy(delivery, 0, octets)
      count++
    }
    expect(count * octets).toBeGreaterThan(480 * 1024)
    expect(output.buffer.bytes.length).toBe(512 * 1024)
    output.close()
  })
})
