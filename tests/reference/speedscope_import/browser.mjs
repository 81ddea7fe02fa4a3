// Headless Chromium, driven over its own debugging pipe (file descriptors 3 and 4, messages ended by NUL), so no package
// is needed. One page at a time; a page that does not answer in time is thrown away with its renderer, not the browser.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const CHROMIUM = process.env.CHROMIUM || 'chromium'
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--remote-debugging-pipe',
]

export class TimeOut extends Error {}

/** Rejects with TimeOut when the promise takes longer. */
export function within(milliseconds, promise, what) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new TimeOut(`${what} took more than ${milliseconds} ms`)), milliseconds)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

export class Browser {
  #process
  #profile
  #next = 1
  #waiting = new Map()
  #listeners = new Map()
  #rest = []
  #dead = null

  constructor() {
    this.#profile = mkdtempSync(path.join(tmpdir(), 'speedscope-reference-'))
    this.#process = spawn(CHROMIUM, [...FLAGS, `--user-data-dir=${this.#profile}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
      // A process group of its own: `chromium` is a shell script in Debian, and its children must end with it.
      detached: true,
    })
    this.#process.stdio[4].on('data', chunk => this.#receive(chunk))
    // Writing to a browser that has died is reported by the closing below, not by the pipe.
    this.#process.stdio[3].on('error', () => {})
    this.closed = new Promise(resolve => {
      this.#process.on('error', error => resolve(new Error(`cannot start ${CHROMIUM}: ${error.message}`)))
      this.#process.on('exit', (code, signal) => resolve(new Error(`${CHROMIUM} ended (${signal ?? code})`)))
    })
    this.closed.then(error => {
      this.#dead = error
      for (const { reject } of this.#waiting.values()) reject(error)
      this.#waiting.clear()
    })
  }

  #receive(chunk) {
    let start = 0
    for (let end; (end = chunk.indexOf(0, start)) >= 0; start = end + 1) {
      this.#rest.push(chunk.subarray(start, end))
      const message = JSON.parse(Buffer.concat(this.#rest).toString())
      this.#rest = []
      if (message.id === undefined) {
        this.#listeners.get(message.sessionId)?.(message.method, message.params)
      } else {
        const { resolve, reject } = this.#waiting.get(message.id) ?? {}
        this.#waiting.delete(message.id)
        if (message.error) reject?.(new Error(message.error.message))
        else resolve?.(message.result)
      }
    }
    this.#rest.push(chunk.subarray(start))
  }

  /** Sends a DevTools command to the browser, or to a page by its session. */
  send(method, params = {}, sessionId = undefined) {
    if (this.#dead) return Promise.reject(this.#dead)
    const id = this.#next++
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
    this.#process.stdio[3].write(JSON.stringify({ id, method, params, sessionId }) + '\0')
    return answer
  }

  async version() {
    return (await this.send('Browser.getVersion')).product
  }

  /** Opens a page; `listen(method, params)` gets its events. */
  async open(listen) {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true })
    this.#listeners.set(sessionId, listen)
    return new Page(this, targetId, sessionId)
  }

  forget(sessionId) {
    this.#listeners.delete(sessionId)
  }

  async close() {
    try {
      process.kill(-this.#process.pid, 'SIGKILL')
    } catch {
      // It has gone already.
    }
    await this.closed
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 })
  }
}

class Page {
  constructor(browser, targetId, sessionId) {
    this.browser = browser
    this.targetId = targetId
    this.sessionId = sessionId
  }

  send(method, params) {
    return this.browser.send(method, params, this.sessionId)
  }

  /** The value of an expression (awaited, copied), or an Error with the page's own message and stack. */
  async evaluate(expression) {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
    return result.value
  }

  async close() {
    this.browser.forget(this.sessionId)
    await this.browser.send('Target.closeTarget', { targetId: this.targetId })
  }
}
