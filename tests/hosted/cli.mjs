// The real Supabase CLI, with a project's folder of its own, and a way to a cluster's socket by the loopback: it knows no sockets.

import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const executable = fileURLToPath(new URL('node_modules/.bin/supabase', import.meta.url))

// Why it can't run here, or nothing.
export const missing = existsSync(executable) ? undefined : `the Supabase CLI isn't installed: run npm ci in tests/hosted`

export class Project {
  static async start(platform, database) {
    const project = new Project()
    project.folder = mkdtempSync(tmpdir() + '/pg_aal_project.')
    mkdirSync(project.folder + '/supabase/migrations', { recursive: true })
    writeFileSync(project.folder + '/supabase/config.toml', 'project_id = "hosted"\n')
    const { host, port } = platform.connection
    project.proxy = createServer((client) => {
      const server = connect(`${host}/.s.PGSQL.${port}`)
      for (const end of [client, server]) end.on('error', () => {})
      client.pipe(server).pipe(client)
    })
    await new Promise((resolve) => project.proxy.listen(0, '127.0.0.1', resolve))
    project.url = `postgresql://postgres:unused@127.0.0.1:${project.proxy.address().port}/${database}?sslmode=disable`
    return project
  }

  migration(version, name, sql) {
    writeFileSync(`${this.folder}/supabase/migrations/${version}_${name}.sql`, sql)
  }

  // What it prints, and its exit status.
  async run(...args) {
    // Nothing leaves the loopback: what isn't for the database would go to a port that nobody listens on.
    const nowhere = 'http://127.0.0.1:9'
    const env = {
      PATH: process.env.PATH,
      HOME: this.folder,
      DO_NOT_TRACK: '1',
      SUPABASE_TELEMETRY_DISABLED: '1',
      HTTP_PROXY: nowhere,
      HTTPS_PROXY: nowhere,
      NO_PROXY: '127.0.0.1',
      CI: '1',
    }
    try {
      const { stdout, stderr } = await promisify(execFile)(executable, args, { cwd: this.folder, env, timeout: 60_000 })
      return { status: 0, output: stdout + stderr }
    } catch (error) {
      return { status: error.code ?? 1, output: `${error.stdout}${error.stderr}` }
    }
  }

  push() {
    return this.run('db', 'push', '--yes', '--db-url', this.url)
  }

  stop() {
    this.proxy.close()
    rmSync(this.folder, { recursive: true })
  }
}
