// What speedscope itself makes of a file, in one headless Chromium for as many files as wanted.
//
//     node serve.mjs FILE...      one answer a line, exit status 1 if a file was refused
//     node serve.mjs --serve      one request a line on stdin, its answer a line on stdout, until stdin ends
//
// A request is {"file": PATH} with any of
//   "name": NAME            call the file so: the app looks at names too
//   "functions": false      leave the function rows out
//   "export": PATH          write the app's own export (its "evented" JSON) there
//   "open": true            also open the file in the app as a person does (then "export" is what Ctrl+S saves)
//   "screenshot": PATH      with "open": a PNG of the app
//   "timeout": SECONDS      for each of the two steps, 60 if absent
// An answer is {"file", "ok": true, "name", "active", "bytes", "fetch_ms", "import_ms", "profiles": [{"name", "unit",
// "total", "total_non_idle", "functions": [{"name", "file", "line", "col", "self", "total"}]}], "console": [..]} and with
// "open" also "app": {"ok", "title"} ; or {"file", "ok": false, "error"}. Strings as in canon.py; `import_ms` is measured
// in the page around the importer alone. `total` of a frame counts a sample once, however often the frame is on its stack.
//
// The release is $PROFKIT_REFERENCE/node/node_modules/speedscope/dist/release, the browser $CHROMIUM or `chromium`.

import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import readline from 'node:readline'
import { fileURLToPath } from 'node:url'

import { Browser, TimeOut, within } from './browser.mjs'
import { Release } from './release.mjs'

const HERE = path.dirname(fileURLToPath(import.meta.url))
const REFERENCE = process.env.PROFKIT_REFERENCE || path.resolve(HERE, '../../../.reference')
const PACKAGE = path.join(REFERENCE, 'node/node_modules/speedscope')
const TIMEOUT = 60
const POLL_MS = 20
const PAGE_SCRIPT = readFileSync(path.join(HERE, 'page.js'), 'utf8')

/** The message of a page's exception without its stack. */
const message = error => String(error.message).split('\n    at ')[0]

/** A fresh page for one request: the app keeps state, and a file of 100 MB leaves a gigabyte behind. */
async function freshPage(browser, lines) {
  const page = await browser.open((method, params) => {
    if (method === 'Runtime.consoleAPICalled') {
      lines.push(params.args.map(argument => argument.value ?? argument.description ?? '').join(' '))
    } else if (method === 'Inspector.targetCrashed') {
      lines.push('the page crashed')
      lines.crashed?.(new Error('the page crashed'))
    }
  })
  await page.send('Page.enable')
  await page.send('Runtime.enable')
  await page.send('Page.addScriptToEvaluateOnNewDocument', { source: PAGE_SCRIPT })
  return page
}

async function load(page, url) {
  await page.send('Page.navigate', { url })
  while (!(await page.evaluate('Boolean(globalThis.__reference)').catch(() => false))) {
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
  }
}

async function importStep(page, release, request, name, lines) {
  await load(page, `${release.origin}/index.html`)
  // What the app says while it starts is the same for every file.
  lines.length = 0
  const argument = {
    url: release.give(request.file, name),
    name,
    exportUrl: request.export && !request.open ? release.want(request.export) : null,
    withFunctions: request.functions !== false,
  }
  return JSON.parse(await page.evaluate(`reference.import(${JSON.stringify(argument)})`))
}

async function openStep(page, release, request, name) {
  // A change of the hash alone would not load the app anew.
  await page.send('Page.navigate', { url: 'about:blank' })
  await load(page, `${release.origin}/index.html#profileURL=${encodeURIComponent(release.give(request.file, name))}`)
  let state
  while (!(state = await page.evaluate('reference.state()'))) await new Promise(resolve => setTimeout(resolve, POLL_MS))
  if (!state.ok) return state
  await page.evaluate('new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))')
  if (request.screenshot) {
    const { data } = await page.send('Page.captureScreenshot', { format: 'png' })
    writeFileSync(request.screenshot, Buffer.from(data, 'base64'))
  }
  if (request.export) await page.evaluate(`reference.save(${JSON.stringify(release.want(request.export))})`)
  return state
}

async function answer(browser, release, request) {
  const name = request.name ?? path.basename(request.file)
  const limit = (request.timeout ?? TIMEOUT) * 1000
  const lines = []
  const crash = new Promise((_, reject) => (lines.crashed = reject))
  crash.catch(() => {})
  let page
  try {
    page = await within(TIMEOUT * 1000, freshPage(browser, lines), 'opening a page')
    const step = (work, what) => within(limit, Promise.race([work, crash]), what)
    const result = await step(importStep(page, release, request, name, lines), 'the import')
    if (request.open) {
      result.app = await step(openStep(page, release, request, name), 'the app')
      if (!result.app.ok) result.ok = false
      if (!result.app.ok) result.error ??= result.app.error ?? lines.find(line => line.startsWith('Failed to load format'))
    }
    return { file: request.file, ...result, console: [...lines] }
  } catch (error) {
    return { file: request.file, ok: false, error: message(error), timeout: error instanceof TimeOut, console: [...lines] }
  } finally {
    // A page that hangs closes with its renderer.
    if (page) await within(TIMEOUT * 1000, page.close(), 'closing a page').catch(() => {})
  }
}

const print = value => process.stdout.write(JSON.stringify(value) + '\n')

async function serve(browser, release) {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (!line.trim()) continue
    let request
    try {
      request = JSON.parse(line)
    } catch (error) {
      print({ file: null, ok: false, error: `not a request: ${error.message}` })
      continue
    }
    print(await answer(browser, release, request))
  }
  return 0
}

async function once(browser, release, files) {
  let status = 0
  for (const file of files) {
    const result = await answer(browser, release, { file })
    print(result)
    if (!result.ok) {
      status = 1
      process.stderr.write(`${file}: ${result.error}\n`)
    }
  }
  return status
}

async function main(words) {
  if (words.length === 0 || (words[0].startsWith('--') && words[0] !== '--serve')) {
    process.stderr.write('usage: node serve.mjs FILE... | --serve\n')
    return 2
  }
  const release = new Release(path.join(PACKAGE, 'dist/release'))
  await release.listen()
  const browser = new Browser()
  const stop = signal => browser.close().finally(() => process.exit(128 + signal))
  process.on('SIGINT', () => stop(2))
  process.on('SIGTERM', () => stop(15))
  try {
    await Promise.race([browser.version(), browser.closed.then(error => Promise.reject(error))])
    return await (words[0] === '--serve' ? serve(browser, release) : once(browser, release, words))
  } finally {
    await browser.close()
    release.close()
  }
}

process.exitCode = await main(process.argv.slice(2))
