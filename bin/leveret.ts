#!/usr/bin/env node
/** The command `leveret`: hands the process over to `runCommand`, and signals with it. */

import { homedir } from 'node:os'
import { hasChosenHeap, keepHeapLean } from '../src/server/cli/lean-heap.js'
import { type CommandHost, runCommand } from '../src/server/cli/run-command.js'
import { createLog } from '../src/server/logging.js'

const COLUMNS_WITHOUT_TERMINAL = 100

const { NO_COLOR } = process.env

const host: CommandHost = {
  argv: process.argv.slice(2),
  environment: process.env,
  platform: process.platform,
  homeDirectory: homedir(),
  columns: process.stdout.columns ?? COLUMNS_WITHOUT_TERMINAL,
  colours: process.stderr.isTTY === true && NO_COLOR === undefined,
  writeOut: (text) => void process.stdout.write(text),
  writeError: (text) => void process.stderr.write(text),
  stopRequested: nextStopSignal(),
  createLog,
  startBroker: async (options) => (await import('../src/server/start-broker.js')).startBroker(options),
}

if (!hasChosenHeap(process.execArgv, process.env)) keepHeapLean()

// Whoever read our output may be gone before us; that must not stop the broker.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)

const exitCode = await runCommand(host)
// Leaves only after the last output is out, which is not at once where it goes to a pipe.
process.stdout.write('', () => process.exit(exitCode))

/** The first SIGTERM or SIGINT asks to stop; the second means that somebody will not wait. */
function nextStopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let isStopping = false
    const onSignal = () => {
      if (isStopping) process.exit(1)
      isStopping = true
      resolve()
    }
    process.on('SIGTERM', onSignal)
    process.on('SIGINT', onSignal)
  })
}
