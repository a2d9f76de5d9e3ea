/** Runs everything one client has: its suites, the restart of the broker between its two halves, its campaigns. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BrokerProcess } from './broker-process.js'
import { runSuite } from './suite-process.js'
import * as toolchains from './toolchains.js'

/**
 * @param {Awaited<ReturnType<typeof import('./clients.js').loadClients>>[number]} client
 * @param {ReturnType<typeof import('./options.js').readOptions>} options
 * @param {import('./report.js').Report} report
 */
export async function runClient(client, options, report) {
  const work = await prepare(client, report)
  if (work === undefined) return
  const context = { ...options, report }
  if (options.url !== '') {
    await runSuites(client, work, context)
    if (work.restart || work.campaigns)
      report.note('left out: restarts and campaigns, which need a broker of their own')
    return
  }
  if (work.suites.length > 0) await onBrokerOfItsOwn(client, work, context)
  if (work.restart) await runRestart(client, work.restart, context)
  await runCampaigns(client, work.campaigns ?? [], context)
}

async function prepare(client, report) {
  report.heading(`${client.name}: preparing`)
  try {
    const work = await client.prepare({ ...toolchains, folder: client.folder })
    if (work.leftOut === undefined) return work
    if (toolchains.isCi) report.fail(client.name, `left out, which CI forbids: ${work.leftOut}`)
    else report.note(`left out: ${work.leftOut}`)
  } catch (error) {
    report.fail(client.name, `could not be installed: ${error.message}`)
  }
}

async function runSuites(client, work, context) {
  for (const suite of work.suites) {
    context.report.heading(`${client.name}: ${suite.name}`)
    await runSuite(suite, context)
  }
}

/** A fresh broker for each client, so that none sees what another left behind. */
async function onBrokerOfItsOwn(client, work, context) {
  await withDataDir(async (dataDir) => {
    const broker = await startBroker(context, context.memory ? undefined : dataDir)
    if (broker === undefined) return
    await runSuites(client, work, { ...context, url: broker.url })
    await stopPolitely(broker, context, `the broker survives ${client.name} and stops with exit code 0`)
  })
}

/** What is durable is published to one broker process and looked for in the next. */
async function runRestart(client, { publish, verify, env }, context) {
  await withDataDir(async (dataDir) => {
    for (const [name, command] of Object.entries({ 'before a restart': publish, 'after a restart': verify })) {
      context.report.heading(`${client.name}: ${name}`)
      const broker = await startBroker(context, dataDir)
      if (broker === undefined) return
      await runSuite({ name, command, env }, { ...context, url: broker.url })
      await stopPolitely(broker, context, `the broker stops with exit code 0 ${name} (${client.name})`)
    }
  })
}

/**
 * A campaign gets `{ report, start, program }`, where `start()` gives a broker that runs on the campaign's data directory;
 * it may stop or kill it and start the next. `program` is for one that sees to all of that itself.
 */
async function runCampaigns(client, campaigns, context) {
  for (const { name, run } of campaigns) {
    if (!name.includes(context.caseFilter)) continue
    context.report.heading(`${client.name}: ${name}`)
    await withDataDir(async (dataDir) => {
      const brokers = []
      const start = async () => {
        const broker = await BrokerProcess.start({ program: context.broker, dataDir })
        brokers.push(broker)
        return broker
      }
      await context.report.case(name, () => run({ report: context.report, start, program: context.broker }))
      await Promise.all(brokers.filter((broker) => broker.isRunning).map((broker) => broker.kill()))
    })
  }
}

/** @returns undefined after a failure, which is reported. */
async function startBroker({ broker: program, report }, dataDir) {
  try {
    return await BrokerProcess.start({ program, dataDir })
  } catch (error) {
    report.fail('the broker starts', error.message)
  }
}

async function stopPolitely(broker, { report }, name) {
  const diedBefore = !broker.isRunning
  const end = await broker.stop()
  if (end === 0 && !diedBefore) return report.pass(name)
  report.fail(name, diedBefore ? `it had died with ${end}` : `it ended with ${end}`)
  report.note(broker.outputTail())
}

async function withDataDir(use) {
  const dataDir = mkdtempSync(join(tmpdir(), 'leveret-conformance-'))
  const remove = () => rmSync(dataDir, { recursive: true, force: true })
  // An interrupted runner leaves by way of process.exit, which runs no finally.
  process.once('exit', remove)
  try {
    await use(dataDir)
  } finally {
    process.off('exit', remove)
    remove()
  }
}
