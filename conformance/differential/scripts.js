/** All scripts, in files by area. */

import { readdirSync } from 'node:fs'

const FOLDER = new URL('scripts/', import.meta.url)

/** @returns the areas, `{ area, scripts }`, sorted by name; every script has a name of its own. */
export async function loadAreas() {
  const files = readdirSync(FOLDER).sort()
  const areas = await Promise.all(
    files.map(async (file) => ({
      area: file.replace(/\.js$/, ''),
      scripts: (await import(new URL(file, FOLDER).href)).scripts,
    })),
  )
  return areas.map(({ area, scripts }) => ({
    area,
    scripts: scripts.map((it) => ({ ...it, name: `${area}: ${it.name}` })),
  }))
}
