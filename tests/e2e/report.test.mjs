// auth.aal_report() in a real browser: it asks for nothing, runs nothing, shows every name as it is, fits a phone, can be
// read in light and dark, and says what auth.aal_matrix() says.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Cluster } from '../stack.mjs'
import { launch, skip } from './chromium.mjs'

const script = '<script>alert(1)</script>'
const image = '"><img src=x onerror=alert(1)>'
const style = '</style></title><base href=//x>'
const hidden = 'a\u202eb\u200bc\n\td\u00a0'
// Without a =: psql would take it for more than a name.
const database = "</title><b>{{ 7*7 }}'"

const identifier = (name) => '"' + name.replaceAll('"', '""') + '"'
const maybeQuoted = (name) => (/^[a-z_]+$/.test(name) ? name : identifier(name))
const literal = (text) => "'" + text.replaceAll("'", "''") + "'"
// What can't be seen is spelled out.
const shown = (name) =>
  name.replace(
    /(?! )[\p{Cc}\p{White_Space}\p{Default_Ignorable_Code_Point}]/gu,
    (character) => `<U+${character.codePointAt().toString(16).toUpperCase().padStart(4, '0')}>`,
  )

const application = `
  create extension pg_aal;
  create role anon;
  create role authenticated;
  create role service_role bypassrls;
  create role ${identifier(image)};
  create role ${identifier(hidden)};
  create schema ${identifier(script)};
  create table payments (id int, user_id uuid, amount numeric);
  create table transfers (like payments);
  create table invoices (like payments);
  create table accounts (like payments);
  create table countries (code text);
  create table ledger (id int);
  create table ${identifier(script)}.${identifier(image)} (id int, user_id uuid, ${identifier(style)} text);
  create table ${identifier(hidden)} (id int);
  create table "'; drop table payments; --" (id int);
  create table "{{ 7*7 }}{% raw %}" (id int);
  create table "é中א  😀" (id int);
  grant usage on schema ${identifier(script)} to public;
  grant select, insert, update, delete on all tables in schema public, ${identifier(script)} to anon, authenticated, ${identifier(image)};
  grant all on countries to service_role;
  revoke all on ledger from anon, authenticated;
  create policy ${identifier(image)} on "{{ 7*7 }}{% raw %}" using (auth.has_aal('aal3'));
  create policy ${identifier(script)} on "{{ 7*7 }}{% raw %}" as restrictive to ${identifier(image)} using (auth.has_aal('aal2', '1 hour'));
  create policy ${identifier(hidden)} on "é中א  😀" for select to anon, ${identifier(hidden)} using (true);
  alter table "{{ 7*7 }}{% raw %}" enable row level security;
  grant truncate on "{{ 7*7 }}{% raw %}", payments to authenticated;
  create policy beside on payments using (auth.has_aal('aal2'));
  create policy beside_too on payments for select using (auth.has_aal('aal3'));
  alter table "é中א  😀" enable row level security;
  set client_min_messages = error;
  select auth.protect_table('payments', owner_column => 'user_id', max_age => '15 minutes');
  select auth.protect_table('transfers', owner_column => 'user_id', max_age => '15 minutes');
  select auth.protect_table('invoices', owner_column => 'user_id', write => 'enrolled');
  select auth.protect_table('accounts', owner_column => 'user_id', read => 'aal2', write => 'aal3', max_age => '1 day 02:03:04');
  select auth.protect_table(${literal(`${identifier(script)}.${identifier(image)}`)}, owner_column => 'user_id', sensitive_columns => array[${literal(style)}]::name[]);
`

// Every element that a report may be made of.
const elements =
  'a article b body caption code dd details div dl dt footer h1 h2 h3 head header html li link main meta nav p section small span style summary table tbody td th thead title tr ul'

describe('the report in Chromium', { skip }, () => {
  let cluster, html, matrix, lint, browser, server, file
  const asked = []
  before(async () => {
    cluster = new Cluster()
    cluster.psql('postgres', `create database ${identifier(database)}`)
    cluster.psql(database, application)
    html = (await cluster.query(database, 'select auth.aal_report() as html'))[0].html
    matrix = await cluster.query(
      database,
      `
      select format('%I.%I', nspname, relname) as table, role::text, command, required_aal as required,
             extract(epoch from max_age)::float as max_age, decided_by, note
        from auth.aal_matrix() join pg_class c on c.oid = target join pg_namespace n on n.oid = relnamespace
    `,
    )
    lint = await cluster.query(database, 'select name, level, detail, metadata from auth.aal_lint()')
    file = cluster.folder + '/report.html'
    writeFileSync(file, html)
    server = createServer((request, response) => {
      asked.push(request.url)
      response.setHeader('Content-Type', 'text/html').end(html)
    })
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    server?.close()
    cluster?.stop()
  })

  // A page, and all that happens on it which shouldn't.
  async function open(load, { width = 1280, height = 900, colorScheme = 'light' } = {}) {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme })
    const requests = []
    const complaints = []
    page.on('request', (request) => requests.push(request.url()))
    page.on('console', (message) => complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('dialog', (dialog) => {
      complaints.push('a dialog: ' + dialog.message())
      dialog.dismiss()
    })
    page.on('popup', (popup) => complaints.push('a popup: ' + popup.url()))
    await load(page)
    return { page, requests, complaints }
  }
  const url = () => `http://127.0.0.1:${server.address().port}/`
  const fromText = (page) => page.setContent(html)
  const fromFile = (page) => page.goto(pathToFileURL(file).href)
  const openAllDetails = (page) => page.evaluate(() => document.querySelectorAll('details').forEach((details) => (details.open = true)))

  for (const [name, load, expected] of [
    ['as text', fromText, () => []],
    ['from a file', fromFile, () => [pathToFileURL(file).href]],
    ['from a server', (page) => page.goto(url()), () => [url()]],
  ]) {
    test(`${name}, it asks for nothing but itself, and nothing complains`, async () => {
      const { page, requests, complaints } = await open(load)
      await openAllDetails(page)
      await page.emulateMedia({ media: 'print' })
      await page.waitForLoadState('networkidle')
      assert.deepEqual({ requests, complaints }, { requests: expected(), complaints: [] })
      await page.close()
    })
  }

  test('the server was asked for the page, and for no icon', () => assert.deepEqual(asked, ['/']))

  test('if markup ever got in, the page’s own policy would stop it, and these tests would tell', async () => {
    const smuggled = `<img src="${url()}image"><script>alert(1)</script><style>@import "${url()}style"</style><iframe src="${url()}frame"></iframe>`
    asked.length = 0
    const { page, complaints } = await open((page) => page.setContent(html.replace('</main>', smuggled + '</main>'), { waitUntil: 'networkidle' }))
    assert.deepEqual(asked, [])
    // One complaint for each.
    assert.deepEqual(
      complaints.map((complaint) => complaint.includes('Content Security Policy')),
      [true, true, true, true],
    )
    await page.close()
    // And what they tell, with no policy.
    const unprotected = await open((page) => page.setContent(smuggled, { waitUntil: 'networkidle' }))
    assert.deepEqual(asked.sort(), ['/frame', '/image', '/style'])
    assert.deepEqual(unprotected.requests.map((it) => new URL(it).pathname).sort(), asked)
    assert.ok(unprotected.complaints.includes('a dialog: 1'))
    await unprotected.page.close()
  })

  test('names are text, each of them, and make no element', async () => {
    const { page } = await open(fromText)
    const found = await page.evaluate(() => ({
      elements: [...new Set([...document.querySelectorAll('*')].map((element) => element.localName))].sort(),
      attributes: [...new Set([...document.querySelectorAll('body, body *')].flatMap((element) => element.getAttributeNames()))].sort(),
      links: [...document.querySelectorAll('a')].map((link) => link.getAttribute('href')),
      title: document.title,
      names: [...document.querySelectorAll('code')].map((code) => code.textContent),
      decisions: [...document.querySelectorAll('.by li')].map((decision) => decision.textContent),
    }))
    assert.deepEqual(
      found.elements.filter((element) => !elements.split(' ').includes(element)),
      [],
    )
    const attributes = ['aria-label', 'aria-labelledby', 'class', 'colspan', 'href', 'id', 'rel', 'role', 'rowspan', 'scope']
    assert.deepEqual(
      found.attributes.filter((attribute) => !attributes.includes(attribute)),
      [],
    )
    for (const link of found.links) assert.match(link, /^(#|https:\/\/)/)
    assert.ok(found.title.endsWith(database), found.title)
    assert.ok(found.names.includes(database))
    for (const { table, role } of matrix) {
      assert.ok(found.names.includes(shown(table)), table)
      assert.ok(found.names.includes(shown(role)), role)
    }
    // Not only those that the matrix has, whatever it has.
    for (const name of [`${identifier(script)}.${identifier(image)}`, image]) assert.ok(found.names.includes(name), name)
    for (const name of [hidden, `public.${identifier(hidden)}`]) assert.ok(found.names.includes(shown(name)), name)
    for (const policy of [script, image, shown(hidden)]) {
      assert.ok(
        found.decisions.some((decision) => decision.includes(policy) || decision.includes(identifier(policy))),
        policy,
      )
    }
    await page.close()
  })

  // What the page says, as rows of the matrix.
  function said() {
    const texts = (element, selector) => [...element.querySelectorAll(selector)].map((it) => it.textContent)
    const rows = new Map()
    const commands = texts(document, '.matrix thead th').slice(1)
    const row = (...key) => {
      const text = JSON.stringify(key)
      if (!rows.has(text)) rows.set(text, {})
      return rows.get(text)
    }
    for (const pattern of document.querySelectorAll('.matrix tbody')) {
      const tables = texts(pattern, 'th[scope=rowgroup] code')
      for (const line of pattern.querySelectorAll('tr:not(.tables, .why)')) {
        for (const table of tables) {
          for (const role of texts(line, 'th code')) {
            // Roles that bypass row security share a line. Their levels stand with the reasons.
            const cells = [...line.querySelectorAll('td:not([colspan])')]
            cells.forEach((cell, n) => {
              const age = texts(cell, 'small').find((text) => text.startsWith('within '))
              Object.assign(row(table, role, commands[n]), { level: cell.querySelector('b').textContent, age: age?.slice('within '.length) ?? null })
            })
          }
        }
      }
      for (const reasons of pattern.querySelectorAll('.reasons')) {
        const of = reasons.previousElementSibling.matches('.of') ? texts(reasons.previousElementSibling, 'code') : tables
        for (const reason of reasons.children) {
          const why = {
            ...(reason.querySelector('.by li:not(.note) b') && { level: reason.querySelector('.by li b').textContent, age: null }),
            decidedBy: [...reason.querySelectorAll('.by li:not(.note)')].filter((it) => !it.querySelector('b')).map((it) => it.textContent),
            note: reason.querySelector('.note span')?.textContent ?? null,
          }
          for (const table of of) {
            for (const role of texts(reason, ':scope > span code')) {
              for (const command of reason.firstChild.firstChild.textContent.replace(/ by $/, '').split(', '))
                Object.assign(row(table, role, command), why)
            }
          }
        }
      }
    }
    return [...rows].map(([key, row]) => [JSON.parse(key), row])
  }

  test('the levels, ages and reasons are those of auth.aal_matrix()', async () => {
    const { page } = await open(fromText)
    const rows = await page.evaluate(said)
    const ages = [...new Set(rows.map(([, { age }]) => age).filter((age) => age !== null))]
    const seconds = await cluster.query(database, 'select age, extract(epoch from age::interval)::float as seconds from unnest($1::text[]) age', [
      ages,
    ])
    const secondsOf = new Map([[null, null], ...seconds.map(({ age, seconds }) => [age, seconds])])
    const onPage = rows.map(([[table, role, command], { level, age, decidedBy, note }]) => {
      return { table, role, command, required: level, max_age: secondsOf.get(age), decided_by: decidedBy, note }
    })
    const inMatrix = matrix.map(({ table, role, decided_by, note, ...rest }) => ({
      ...rest,
      table: shown(table),
      role: shown(role),
      decided_by: decided_by.map(shown),
      note: note && shown(note),
    }))
    const sorted = (rows) =>
      rows.map(({ table, role, command, ...rest }) => [table, role, command, rest]).sort((a, b) => (String(a) < String(b) ? -1 : 1))
    assert.ok(inMatrix.length > 0)
    assert.deepEqual(sorted(onPage), sorted(inMatrix))
    for (const level of ['none', 'aal1', 'enrolled', 'aal2', 'aal3', 'denied']) {
      assert.ok(
        onPage.some(({ required }) => required === level),
        level,
      )
    }
    await page.close()
  })

  test('the findings are those of auth.aal_lint()', async () => {
    const { page } = await open(fromText)
    const findings = await page.evaluate(() =>
      [...document.querySelectorAll('.finding')].flatMap((finding) =>
        [...finding.querySelectorAll('.places > li > .text')].map((detail) => ({
          name: finding.querySelector('h3 code').textContent,
          level: finding.querySelector('h3 .tag').textContent.replace(`${finding.querySelectorAll('.places > li').length} `, ''),
          detail: detail.textContent,
        })),
      ),
    )
    const sorted = (findings) => findings.map(({ name, level, detail }) => [name, level, detail]).sort()
    assert.deepEqual(sorted(findings), sorted(lint.map(({ name, level, detail }) => ({ name, level, detail: shown(detail) }))))
    await page.close()
  })

  test('a table is marked with each finding about it, and links lead there and back', async () => {
    const { page } = await open(fromFile)
    const marks = await page.evaluate(() =>
      [...document.querySelectorAll('.matrix .tables .mark')].map((mark) => {
        const [place] = document.querySelectorAll(mark.hash)
        const [table] = document.querySelectorAll(place.querySelector('a').hash)
        const finding = place.closest('.finding')
        const of = [...finding.querySelectorAll('.places > li')].filter((it) => it.querySelector('a')?.hash === place.querySelector('a').hash)
        return {
          table: table.textContent,
          name: finding.querySelector('h3 code').textContent,
          text: mark.textContent,
          count: of.length,
          isFirst: of[0] === place,
          isBeside: mark.parentElement === table.parentElement,
          isColored: getComputedStyle(mark).backgroundColor === getComputedStyle(finding.querySelector('h3 .tag')).backgroundColor,
        }
      }),
    )
    const about = new Map()
    for (const { name, level, metadata } of lint) {
      if (metadata.type !== 'table') continue
      const key = JSON.stringify([shown(`${maybeQuoted(metadata.schema)}.${maybeQuoted(metadata.name)}`), name])
      about.set(key, { level, count: (about.get(key)?.count ?? 0) + 1 })
    }
    const expected = [...about].map(([key, { level, count }]) => {
      const [table, name] = JSON.parse(key)
      const text = `${level} ${name.slice(0, 4)}${count > 1 ? ` (${count})` : ''}`
      return { table, name, text, count, isFirst: true, isBeside: true, isColored: true }
    })
    const sorted = (marks) => marks.sort((a, b) => (a.table + a.name < b.table + b.name ? -1 : 1))
    assert.ok(marks.some(({ count }) => count > 1) && marks.length > 2)
    assert.deepEqual(sorted(marks), sorted(expected))

    // By hand, and back.
    await page.locator('.mark').last().click()
    const target = () => page.evaluate(() => document.querySelector(':target')?.outerHTML)
    assert.match(await target(), /^<li id="f/)
    await page.locator(':target a').click()
    assert.match(await target(), /^<code id="t/)
    await page.close()
  })

  for (const width of [320, 360, 768]) {
    test(`at ${width} px, nothing sticks out`, async () => {
      const { page } = await open(fromFile, { width, height: 740 })
      const fits = () => page.evaluate(() => [document.documentElement.scrollWidth <= innerWidth, document.body.scrollWidth <= innerWidth])
      assert.deepEqual(await fits(), [true, true])
      await openAllDetails(page)
      assert.deepEqual(await fits(), [true, true])
      const outside = await page.evaluate(() =>
        [...document.querySelectorAll('body *')]
          .filter((element) => element.getBoundingClientRect().left < 0 || element.getBoundingClientRect().right > innerWidth)
          .map((element) => element.outerHTML),
      )
      assert.deepEqual(outside, [])
      await page.close()
    })
  }

  for (const colorScheme of ['light', 'dark']) {
    for (const width of [360, 1280]) {
      test(`in ${colorScheme} at ${width} px, every text can be read`, async () => {
        const { page } = await open(fromFile, { width, colorScheme })
        await openAllDetails(page)
        const { texts, background } = await page.evaluate(readability)
        assert.ok(texts.length > 100)
        assert.deepEqual(
          texts.filter(({ size, contrast }) => size < 12 || contrast < 4.5),
          [],
        )
        assert.equal(background > 0.5, colorScheme === 'light')
        await page.close()
      })
    }
  }

  // The size of each text, and its contrast as WCAG 2 computes it.
  function readability() {
    const parse = (color) => {
      const [red, green, blue, alpha = 1] = color
        .match(/^rgba?\((.*)\)$/)[1]
        .split(',')
        .map(Number)
      if (alpha !== 0 && alpha !== 1) throw new Error('half transparent: ' + color)
      return alpha === 0 ? undefined : [red, green, blue]
    }
    const luminance = (color) => {
      const [red, green, blue] = color.map((it) => it / 255).map((it) => (it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4))
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
    const behind = (element) => parse(getComputedStyle(element).backgroundColor) ?? behind(element.parentElement)
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    const texts = []
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement
      if (!walker.currentNode.textContent.trim() || !element.checkVisibility()) continue
      const style = getComputedStyle(element)
      if (Number(style.opacity) !== 1) throw new Error('half transparent: ' + element.outerHTML)
      const [darker, lighter] = [parse(style.color), behind(element)].map(luminance).sort((a, b) => a - b)
      texts.push({ text: walker.currentNode.textContent, size: parseFloat(style.fontSize), contrast: (lighter + 0.05) / (darker + 0.05) })
    }
    return { texts, background: luminance(behind(document.body)) }
  }

  test('it says what it is to who listens instead of looking', async () => {
    const { page } = await open(fromFile, { width: 360 })
    const found = await page.evaluate(() => ({
      language: document.documentElement.lang,
      viewport: document.querySelector('meta[name=viewport]').content,
      headings: [...document.querySelectorAll('h1, h2')].map((heading) => heading.localName),
      captions: [...document.querySelectorAll('table')].map((table) => table.caption?.textContent.length > 0),
      // Where CSS lays the matrix out as a grid, not every browser knows any more that it is a table.
      withoutRole: document.querySelectorAll('.matrix:not([role]), .matrix :is(thead, tbody, tr, th, td):not([role])').length,
      headersWithoutScope: document.querySelectorAll('th:not([scope])').length,
      repeatedIds: [...document.querySelectorAll('[id]')].filter(({ id }) => document.querySelectorAll('#' + CSS.escape(id)).length > 1).length,
      deadLinks: [...document.querySelectorAll('a[href^="#"]')].filter((link) => !document.querySelector(link.hash)).length,
    }))
    assert.deepEqual(found, {
      language: 'en',
      viewport: 'width=device-width, initial-scale=1',
      headings: ['h1', 'h2', 'h2', 'h2', 'h2', 'h2', 'h2'],
      captions: found.captions.map(() => true),
      withoutRole: 0,
      headersWithoutScope: 0,
      repeatedIds: 0,
      deadLinks: 0,
    })
    await page.close()
  })

  test('on paper, everything is open', async () => {
    const { page } = await open(fromFile)
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
    const hidden = await page.evaluate(() => [...document.querySelectorAll('details *')].filter((element) => !element.checkVisibility()).length)
    assert.equal(hidden, 0)
    await page.close()
  })
})
