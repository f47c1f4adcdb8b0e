// The files of tests/pg_regress that play users who want more than their session shows, run with the portable edition alone: each line of
// their output is that of the native edition, or one of the differences below.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { NativeFiles } from './native_files.mjs'
import { Platform } from './platform.mjs'

// Lines that only the native edition shows, and lines that only the portable one shows. None of them is an answer that grants more.
const inAnyFile = {
  'it does not name roles that lose their reads, and says other things of policies and privileges': {
    native:
      /^(NOTICE: (reads of .* now, for these roles|row security stays on|no permissive policy)|WARNING: (privileges on .* that row security does not check|row security goes off))|^HINT: (That is meant where only users|revoke |To keep own rows apart|If they are not needed|AAL policies only narrow)/,
    portable: /^WARNING: (privileges that row security does not check|row security goes off)|^HINT: (revoke |Grants alone decide now)/,
  },
}

const files = {
  a_guard_may_fire_for_each_row: {
    'an empty argument of a guard that was made by hand is passed over, and the others still count': {
      native: /^ERROR: the arguments of the guard trigger do not say/,
      portable: /^ERROR: insufficient_aal: insert on table "objects" requires aal2/,
    },
  },
  answers_follow_the_claims: {
    'the CONTEXT of an error in a parallel worker has two lines': { portable: /^parallel worker$/ },
  },
  bad_arguments_raise: {},
  denials: {
    'it has no settings': { native: /^ERROR: invalid value for parameter "pg_aal.error_format"|^HINT: Available values: sql, postgrest/ },
  },
  guard_is_silent_where_policies_do_not_bind: {
    'a write by the view of a role that is not bound is judged by its caller': {
      native: /^ done, 1 rows$/,
      portable: /^ 42501 insufficient_aal: update on table "payments" requires aal2, and the session is at aal1$/,
    },
  },
  hostile_names: {
    'its statements come in another order, and wrap each call': {
      native: sqlOfProtection('(?:aal|auth)'),
      portable: sqlOfProtection('\\(select aal'),
    },
    'its view has another column': {
      native: /\| (refuse_reads \| row_security|f \| t \| f \| t)$/,
      portable: /\| (row_security \| edition|f \| t \| t \| portable)$/,
    },
  },
  no_row_existence_oracle: {},
  policies_hold_without_the_guard: {
    'its role may not switch triggers off, so the guard refuses before the policies do': {
      native: /^ done, 0 rows$/,
      portable:
        /^ERROR: permission denied to set parameter "session_replication_role"|^ 42501 insufficient_aal: delete on table "payments" requires aal2/,
    },
  },
  protect_and_unprotect_are_repeatable: {},
  sensitive_columns_decide_by_the_row: {
    'a write by the view of a role that is not bound is judged by its caller': {
      native: /^ 42501 .* \| done, 3 rows \| done, 1 rows$/,
      portable: /^ 42501 .* \| done, 3 rows \| 42501 insufficient_aal: update on table "payout" requires aal2, and the session is at aal1$/,
    },
  },
}

function sqlOfProtection(call) {
  return new RegExp(
    `^ (create (policy|trigger|constraint trigger) aal_|comment on (policy|trigger) aal_|as (restrictive|permissive) for|(using|with check) \\(.*${call}|before insert|after update of|for each|not deferrable|;", plain on |alter table .* enable row level security;)`,
  )
}

// Why the others can't show anything here, or show it elsewhere.
const others = {
  'it asks for the proof, which is part of the native edition: tests/portable/check_dump.test.mjs has it of dumps':
    /^(lint_.*|matrix_.*|the_gate_.*|aal_(diff|functions|matrix|snapshot).*|assert_.*|explain_.*|findings_.*|report_.*|lists_.*|hostile_bodies_.*|names_mean_.*|gates_of_.*|open_without_.*|misleading_.*|spellings_.*|first_factors_.*|functions_of_supabase_.*|a_level_that_others_.*|a_policy_that_reads_.*|an_answer_kept_.*|each_command_has_.*|a_protection_stays_.*|messages_reach_.*|partitions_are_attached_.*)$/,
  'it is about tokens, keys, profiles or settings, which the portable edition does not have':
    /^(a_cursor_.*|a_refusal_names_.*|a_token_without_.*|an_api_key_.*|claims_are_read_.*|each_token_.*|keys_.*|one_token_.*|only_verified_.*|parallel_workers_.*|tokens_.*|trust_is_.*|settings_that_.*|not_loaded_.*|names_of_another_.*|a_guest_.*)$/,
  'it refuses reads, which plain SQL cannot':
    /^(a_refused_read_.*|refused?_reads_.*|each_way_to_read_.*|locking_reads_.*|an_upsert_.*|an_exit_within_.*)$/,
  'its claims are those of tests/portable/equality.test.mjs, with their differences': /^(level_and_freshness|session_functions)$/,
  'it makes the tables of Supabase Auth anew, as a superuser: tests/portable asks with the tables of Supabase Auth':
    /^(a_session_that_ended_.*|denials_advise_.*|documented_.*|enrolled_level.*|live_.*|looking_up_.*|install_.*|restoring_.*|running_again_.*|a_role_that_may_create_.*|a_change_within_.*|users_and_sessions_.*)$/,
  'it makes event triggers, which only a superuser makes where no platform lets others: tests/portable/protection.test.mjs':
    /^(errors_beneath_.*|each_way_to_make_.*|foreign_tables_.*|new_.*|nothing_slips_.*|protect_schema_.*|protected_schemas_.*)$/,
  'it needs what this edition refuses or leaves out: sensitive columns where rows move, partitions that come later, foreign tables':
    /^(foreign_keys_act_.*|partitions_and_.*|sensitive_columns_(hold|under)_.*|protection_refuses|who_is_bound_.*)$/,
  'it reads plans or counts calls, where a call of the portable edition is another one: crates/bench':
    /^(applies_when_is_evaluated_.*|calls_change_.*|evaluated_once_.*|row_estimates_.*|what_is_asked_once_.*|of_two_levels_.*)$/,
  'it shows texts of protect_table, of dumps or of records, which tests/portable/protection.test.mjs compares for every option':
    /^(a_protection_may_.*|applies_when_.*|comments_may_.*|dump_and_restore_.*|protected_at_.*|protection_options|read_only_.*|no_setting_of_.*)$/,
  'it is about functions of the library': /^(the_guard_is_known_.*|a_guard_is_asked_.*)$/,
  'it is about the helpers for tests, which only superusers install': /^test_helpers_.*$/,
}

const lines = (text) => text.split('\n').filter(Boolean)

describe("the native edition's files, with the portable edition alone", () => {
  let platform, native
  before(() => {
    platform = new Platform()
    native = new NativeFiles(platform)
  })
  after(() => platform.stop())

  for (const [name, ofThisFile] of Object.entries(files)) {
    test(name, (t) => {
      const outputs = native.run(name)
      const paths = ['native', 'portable'].map((edition) => `${platform.folder}/${edition}.out`)
      writeFileSync(paths[0], outputs.native)
      writeFileSync(paths[1], outputs.portable)
      const differences = Object.entries({ ...inAnyFile, ...ofThisFile })
      const counted = new Map()
      const explained = (line) => {
        const edition = line[0] === '-' ? 'native' : 'portable'
        const found = differences.find(([, shows]) => shows[edition]?.test(line.slice(1)))
        if (found) counted.set(found[0], (counted.get(found[0]) ?? 0) + 1)
        return found !== undefined
      }
      assert.deepEqual(
        diff(...paths).filter((line) => !explained(line)),
        [],
      )
      t.diagnostic(
        `${lines(outputs.native).length} lines, ${counted.size ? [...counted].map(([why, count]) => `${count} differ: ${why}`).join('; ') : 'none differs'}`,
      )
      assert.deepEqual(
        Object.keys(ofThisFile).filter((why) => !counted.has(why)),
        [],
        'each difference is there',
      )
    })
  }
})

// The lines that only one of two files has: -… for the first one.
function diff(...paths) {
  try {
    execFileSync('diff', ['-U0', ...paths])
    return []
  } catch (error) {
    return lines(String(error.stdout)).filter((line) => /^[-+](?!--|\+\+)./.test(line) && !/^[-+](--|\+\+) \//.test(line))
  }
}

test('each file is run here, or it is said why not', () => {
  const all = readdirSync(new URL('../pg_regress/sql', import.meta.url)).map((file) => file.replace('.sql', ''))
  const reasons = (name) => Object.keys(others).filter((why) => others[why].test(name))
  assert.deepEqual(
    all.filter((name) => !(name in files) && reasons(name).length === 0),
    [],
  )
  assert.deepEqual(
    Object.keys(files).filter((name) => reasons(name).length > 0),
    [],
  )
})
