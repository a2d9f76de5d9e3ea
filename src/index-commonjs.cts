/** The entry for `require('leveret')`: the same `startBroker`, which loads the rest when it is called. */

import type { BrokerOptions, RunningBroker } from './index.js' with { 'resolution-mode': 'import' }

import url = require('node:url')
import vm = require('node:vm')

type Library = typeof import('./index.js', { with: { 'resolution-mode': 'import' }})

async function startBroker(options?: BrokerOptions): Promise<RunningBroker> {
  const library = await importLibrary()
  return library.startBroker(options)
}

/** Test runners such as jest run this file in a context of their own, where `import()` fails with one of these codes. */
const CANNOT_IMPORT = /^ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING(_FLAG)?$/

async function importLibrary(): Promise<Library> {
  try {
    return await import('./index.js')
  } catch (error) {
    // No `instanceof`: the error belongs to the other context.
    if (typeof error !== 'object' || error === null || !('code' in error)) throw error
    if (!CANNOT_IMPORT.test(String(error.code))) throw error
    return importWithMainLoader()
  }
}

/** Imports with the loader of the process itself, whatever context this file runs in. */
function importWithMainLoader(): Promise<Library> {
  const importModuleDynamically = vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER
  const load: (specifier: string) => Promise<Library> = vm.runInThisContext('(specifier) => import(specifier)', {
    importModuleDynamically,
  })
  return load(new url.URL('index.js', url.pathToFileURL(__filename)).href)
}

export = { startBroker }
