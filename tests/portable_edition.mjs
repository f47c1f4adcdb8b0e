// The portable edition of this version, and the tests of the native one in its words.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const repo = fileURLToPath(new URL('../', import.meta.url))

export const version = readFileSync(repo + 'Cargo.toml', 'utf8').match(/^version = "(.*)"$/m)[1]

// One file.
export const portable = `${repo}portable/pg_aal_portable--${version}.sql`
export const portableText = () => readFileSync(portable, 'utf8')

const names =
  'claims|subject|subject_uuid|aal|has_aal|require_aal|amr|authenticated_at|enrolled_aal|has_enrolled_aal|require_enrolled_aal|aal_status|session_is_live|require_live_session|protect_table|protect_table_sql|unprotect_table|protected_tables|protect_schema|unprotect_schema|protected_schemas|aal_guard'

// SQL for the native edition, as the portable one has it.
export function asPortable(sql) {
  return sql.replace(new RegExp(`\\bauth\\.(?=(${names})\\b)`, 'g'), 'aal.')
}

// The same, and where it makes the extension, it makes the portable edition.
export function inPortable(sql) {
  return asPortable(sql).replaceAll(/^ *create extension (if not exists )?pg_aal;/gm, () => portableText())
}
