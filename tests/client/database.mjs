// A database with pg_aal behind a real PostgREST, and supabase-js in front of it.

import { createClient } from '@supabase/supabase-js'
import { Cluster, PostgREST } from '../stack.mjs'

const application = `
  create role anon;
  create role authenticated;
  create role authenticator login noinherit;
  create role plain login noinherit;
  grant anon, authenticated to authenticator, plain;
  create extension pg_aal;
  create table payments (id bigint generated always as identity primary key, user_id uuid not null default auth.subject_uuid(), amount numeric);
  create table transfers (like payments including all);
  create table logins (like payments including all);
  create table vaults (like payments including all);
  create table secrets (id int);
  create table messages (code text, message text);
  insert into messages values ('insufficient_aal', 'insufficient_aal: a row, and no refusal');
  grant select, insert, update, delete on payments, transfers, logins, vaults to anon, authenticated;
  grant select on messages to anon, authenticated;
  select auth.protect_table('payments', owner_column => 'user_id');
  select auth.protect_table('transfers', owner_column => 'user_id', max_age => '15 minutes');
  select auth.protect_table('logins', owner_column => 'user_id', write => 'aal1', max_age => '10 minutes');
  select auth.protect_table('vaults', owner_column => 'user_id', write => 'aal3');
  alter role authenticator set pg_aal.error_format = 'postgrest';
`

export class Database {
  static async start() {
    const database = new Database()
    database.cluster = new Cluster()
    database.cluster.psql('postgres', application)
    database.postgrest = await PostgREST.start(database.cluster, 'postgres')
    return database
  }

  // Another PostgREST, for a role with pg_aal.error_format = 'sql'.
  plainPostgrest() {
    const host = this.cluster.connection.host
    return PostgREST.start(this.cluster, 'postgres', {
      DB_URI: `host=${host} port=5432 dbname=postgres user=plain`,
      JWT_SECRET: this.postgrest.secret,
    })
  }

  // For settings of the role that PostgREST connects as.
  async restartPostgrest() {
    this.postgrest = await PostgREST.start(this.cluster, 'postgres')
  }

  stop() {
    this.cluster.stop()
  }
}

// supabase-js for a bare PostgREST. token: an access token, or a function that returns one; without it, the request is anonymous.
// requests: filled with every request that is sent.
export function client(postgrest, token, requests = []) {
  const send = async (url, { headers, ...init }) => {
    requests.push(url)
    headers = new Headers(headers)
    const current = typeof token === 'function' ? await token() : token
    if (current) headers.set('authorization', 'Bearer ' + current)
    else headers.delete('authorization')
    return fetch(String(url).replace('/rest/v1', ''), { ...init, headers })
  }
  const realtime = { transport: globalThis.WebSocket ?? class {} }
  return createClient(postgrest.url, 'key', { realtime, auth: { persistSession: false, autoRefreshToken: false }, global: { fetch: send } })
}
