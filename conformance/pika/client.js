/** pika, the Python client that RabbitMQ's tutorials use, in a virtual environment of its own beside this file. */

import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** @param {typeof import('../lib/toolchains.js') & { folder: string }} tools */
export async function prepare(tools) {
  const venv = join(tools.folder, '.venv')
  const python = join(venv, 'bin', 'python')
  const requirement = readFileSync(join(tools.folder, 'requirements.txt'), 'utf8').trim()
  if (!(await isInstalled(tools, python, requirement))) {
    const leftOut = await install(tools, venv, python)
    if (leftOut !== undefined) return { leftOut }
  }
  // Without this Python would leave its byte code in the source tree.
  const env = { PYTHONDONTWRITEBYTECODE: '1', PYTHONUNBUFFERED: '1' }
  const script = (...args) => [python, join(tools.folder, args[0]), ...args.slice(1)]
  return {
    suites: [
      { name: 'the programs of the tutorials, BlockingConnection', command: script('blocking_programs.py'), env },
      { name: 'the programs of the tutorials, SelectConnection', command: script('select_programs.py'), env },
      { name: 'publishing, confirms and transactions', command: script('publishing.py'), env },
      { name: 'consuming and settling', command: script('consuming.py'), env },
      { name: 'exchanges, queues and bindings', command: script('topology.py'), env },
      { name: 'errors', command: script('errors.py'), env },
      { name: 'connections and channels', command: script('connections.py'), env },
    ],
    restart: { publish: script('restart.py', 'publish'), verify: script('restart.py', 'verify'), env },
  }
}

async function isInstalled(tools, python, requirement) {
  if (!existsSync(python)) return false
  const check = 'import pika; print("pika==" + pika.__version__)'
  return tools.must(python, ['-c', check]).then(
    (installed) => installed === requirement,
    () => false,
  )
}

/** @returns why it cannot be installed, or undefined when it was. */
async function install(tools, venv, python) {
  const hasVenv = () => tools.has('python3', ['-c', 'import venv, ensurepip'])
  if (!(await hasVenv())) {
    await tools.installSystemPackages(['python3', 'python3-venv'])
    if (!(await hasVenv())) return 'there is no python3 with its venv module (on Debian: apt-get install python3-venv)'
  }
  rmSync(venv, { recursive: true, force: true })
  await tools.must('python3', ['-m', 'venv', venv])
  const options = ['--quiet', '--disable-pip-version-check', '--requirement']
  await tools.must(python, ['-m', 'pip', 'install', ...options, join(tools.folder, 'requirements.txt')])
}
