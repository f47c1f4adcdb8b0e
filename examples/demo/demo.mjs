// make demo: sends the story's requests to a real PostgREST and prints a line each. Exits with 1 if any answer isn't
// as it should be. KEEP=1 leaves everything running, and prints tokens to try it with.

import { readFileSync } from 'node:fs'
import { Cluster, PostgREST } from '../../tests/stack.mjs'
import { claims, sign } from '../../tests/tokens.mjs'
import { send, story } from './story.mjs'

const cluster = new Cluster()
let failed = 0
try {
  cluster.psql('postgres', 'create database demo')
  cluster.psql('demo', readFileSync(new URL('demo.sql', import.meta.url), 'utf8'))
  const postgrest = await PostgREST.start(cluster, 'demo')

  console.log("\n  select auth.protect_table('payments', owner_column => 'user_id', max_age => '15 minutes');\n")
  const widths = [24, 31, 7, 17, 9]
  const line = (...cells) => '  ' + cells.map((cell, i) => String(cell).padEnd(widths[i] ?? 0)).join(' ')
  console.log(line('who', 'what', 'status', 'code', 'action', 'rows in the answer'))
  console.log(line(...widths.map((width) => '─'.repeat(width)), '─'.repeat(18)))
  let challenge
  for (const step of story) {
    const answer = await send(step, cluster, 'demo', postgrest)
    challenge ??= answer.challenge || undefined
    const ids = answer.ids === undefined ? '' : answer.ids.join(', ') || 'none'
    console.log(line(step.who, step.what, answer.status, answer.code, answer.action, ids))
    for (const wrong of answer.wrong) console.log(`    ✗ ${wrong}`)
    failed += answer.wrong.length > 0
  }
  const refused = story.filter((step) => step.expected.code).length
  console.log(`\n  Each refused write came with\n    WWW-Authenticate: ${challenge}`)
  console.log(`  and after each of the ${refused} the table was as before: 3 rows. Then Jane verified her second factor.`)
  console.log(
    failed ? `\n  ${failed} of ${story.length} answers are not as they should be\n` : `\n  all ${story.length} answers are as they should be\n`,
  )

  if (process.env.KEEP) {
    const [aal1, aal2] = await Promise.all([claims(), claims({ factorAge: 0 })].map((each) => sign(each, postgrest.secret)))
    const payments = `'${postgrest.url}/payments`
    const update = `-X PATCH ${payments}?id=eq.2' -H 'Content-Type: application/json' -d '{"amount": 800}'`
    console.log(`  It all stays up. Jane's tokens are good for an hour, and her second factor is fresh for 15 minutes:

AAL1=${aal1}
AAL2=${aal2}

  Her first factor is enough to read, and refused where she writes:

curl -i ${payments}' -H "Authorization: Bearer $AAL1"
curl -i ${update} -H "Authorization: Bearer $AAL1"

  With her second factor she writes:

curl -i ${update} -H "Authorization: Bearer $AAL2"

  The database, and the end of it all:

${cluster.folder}/bin/psql -h ${cluster.folder}/socket -U postgres demo
pgrx-config/cluster.sh stop ${cluster.folder}\n`)
  }
} catch (error) {
  failed++
  console.error(error)
} finally {
  if (!process.env.KEEP) cluster.stop()
}
process.exit(failed ? 1 : 0)
