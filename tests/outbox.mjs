// A mail server that delivers nothing: it keeps what it is sent, on the loopback.

import { buffer } from 'node:stream/consumers'
import PostalMime from 'postal-mime'
import { SMTPServer } from 'smtp-server'

export class Outbox {
  static async start() {
    const outbox = new Outbox()
    outbox.mails = []
    outbox.server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onData: (stream, session, done) => outbox.keep(stream).then(done, done),
    })
    await new Promise((resolve) => outbox.server.listen(0, '127.0.0.1', resolve))
    outbox.port = outbox.server.server.address().port
    return outbox
  }

  async keep(stream) {
    const { text } = await PostalMime.parse(await buffer(stream))
    this.mails.push(text)
    this.onMail?.(text)
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
