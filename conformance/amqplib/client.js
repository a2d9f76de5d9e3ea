/** amqplib, the Node client, which the project itself has as a development dependency. */

import { join } from 'node:path'
import { killCampaign } from './kill-campaign.js'
import { stopCampaign } from './stop-campaign.js'

export async function prepare({ folder }) {
  const script = (...args) => [process.execPath, join(folder, args[0]), ...args.slice(1)]
  return {
    suites: [
      { name: 'the programs of the tutorials, promises', command: script('promise-programs.js') },
      { name: 'the programs of the tutorials, callbacks', command: script('callback-programs.js') },
      { name: 'confirms, errors, values', command: script('details.js') },
    ],
    restart: { publish: script('restart.js', 'publish'), verify: script('restart.js', 'verify') },
    campaigns: [stopCampaign, killCampaign],
  }
}
