import { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { REGION_OCTETS } from '../../src/base/arena.js'
import { HeldMemory } from '../../src/base/held-memory.js'
import { Turn } from '../../src/base/turn.js'
import { SocketOutput } from '../../src/connection/socket-output.js'
import { OutputBuffers } from '../../src/protocol/output-buffer.js'

/** An output whose socket takes nothing. */
function stuckOutput() {
  const buffers = new OutputBuffers()
  const socket = new Duplex({ read: () => undefined, write: () => undefined })
  const output = new SocketOutput(socket as Socket, new Turn(() => undefined), buffers, () => undefined) // as far as used
  return { buffers, output }
}

describe('the output of a socket', () => {
  it('gives back what it has gathered, and what was written and has not left, when the socket is gone', () => {
    const { buffers, output } = stuckOutput()
    const memory = new HeldMemory()
    const written = output.buffer
    written.text('written')
    written.refer(Buffer.from('held'), 0, 4, memory)
    output.flush()
    expect(output.pendingOctets).toBe(11)
    const gathered = output.buffer
    gathered.text('gathered')
    expect(memory.isHeld).toBe(true)
    output.close()
    expect(memory.isHeld).toBe(false)
    expect([buffers.take(), buffers.take()]).toEqual([written, gathered])
    expect([written.octets, gathered.octets]).toEqual([0, 0])
  })

  it('takes no buffer of others once the socket is gone', () => {
    const { buffers, output } = stuckOutput()
    const buffer = output.buffer
    output.close()
    expect(output.buffer).not.toBe(buffer)
    expect(output.buffer.hasRegion).toBe(false)
    expect(buffers.take()).toBe(buffer)
  })

  it.each([50, 500, 5000])('takes deliveries of %i octets without growing beyond its region', (octets) => {
    const turn = new Turn(() => undefined)
    const output = new SocketOutput(new Socket(), turn, new OutputBuffers(), () => undefined)
    const delivery = Buffer.alloc(octets)
    let count = 0
    while (output.canTake) {
      output.buffer.copy(delivery, 0, octets)
      count++
    }
    expect(count * octets).toBeGreaterThan(480 * 1024)
    expect(output.buffer.capacity).toBe(REGION_OCTETS)
    output.close()
  })
})
