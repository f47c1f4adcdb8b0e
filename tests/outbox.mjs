// A mail server that delivers nothing: it keeps what it is sent, on the loopback.

import { createServer } from 'node:net'

export class Outbox {
  static async start() {
    const outbox = new Outbox()
    outbox.mails = []
    outbox.server = createServer((socket) => outbox.converse(socket))
    await new Promise((resolve) => outbox.server.listen(0, '127.0.0.1', resolve))
    outbox.port = outbox.server.address().port
    return outbox
  }

  // As much of RFC 5321 as a client needs that sends one mail.
  converse(socket) {
    let [rest, mail] = ['', null]
    const answer = (line) => socket.write(line + '\r\n')
    socket.setEncoding('utf8').on('error', () => {})
    socket.on('data', (part) => {
      rest += part
      for (let end; (end = rest.indexOf('\r\n')) >= 0; rest = rest.slice(end + 2)) {
        const line = rest.slice(0, end)
        if (mail === null) {
          if (/^DATA/i.test(line)) mail = ''
          if (/^QUIT/i.test(line)) socket.end('221 bye\r\n')
          else answer(mail === '' ? '354 go on' : '250 ok')
        } else if (line === '.') {
          this.mails.push(decoded(mail))
          this.onMail?.(this.mails.at(-1))
          mail = null
          answer('250 ok')
        } else mail += line + '\n'
      }
    })
    answer('220 outbox')
  }

  // The first link of the next mail.
  async link() {
    for (let tries = 0; tries < 200; tries++) {
      const link = this.mails.shift()?.match(/https?:\/\/[^\s"<]+/)?.[0]
      if (link) return link
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    throw new Error('no mail came')
  }

  stop() {
    this.server.close()
  }
}

// The text, whose lines may be broken by =, with some letters as =3D.
const decoded = (mail) => mail.replace(/=\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)))
