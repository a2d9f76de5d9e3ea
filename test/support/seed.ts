import fc from 'fast-check'

/** Random tests repeat themselves, so that one that fails is looked into and not run again; `SEED=n` tries others. */
fc.configureGlobal({ seed: Number(process.env['SEED'] ?? 20261121) })
