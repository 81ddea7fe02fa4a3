// A loopback web server for the released app and for the files that it is to open. The app is served as it was
// published, but for one statement at the end of its bundle's outermost function: the importer and the exporter live in
// that function's scope, and no URL or event of the app hands their results out. Their minified names are found by what
// surrounds them; another release in which they are not found is an error, never a silent skip.

import { createReadStream, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import path from 'node:path'

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm' }
const IMPORTER = /async function (\w+)\(\w+,\w+\)\{return\(await \w+\)\.importProfilesFromArrayBuffer/
const EXPORTER = /function \w+\(\w+\)\{let \w+=(\w+)\(\w+\),\w+=new Blob\(\[JSON\.stringify/
const END = '})();'

function hooked(bundle) {
  const importer = IMPORTER.exec(bundle)?.[1]
  const exporter = EXPORTER.exec(bundle)?.[1]
  const end = bundle.lastIndexOf(END)
  if (!importer || !exporter || end < 0) throw new Error('this speedscope release has another shape: no importer or exporter')
  return `${bundle.slice(0, end)};globalThis.__reference={importFile:${importer},exportGroup:${exporter}};${bundle.slice(end)}`
}

/** Serves the release folder, `/profile/<n>/<name>` (a file of ours) and takes `/export/<n>` (a text to write to a file). */
export class Release {
  #folder
  #bundleName
  #bundle
  #server
  #given = new Map()
  #wanted = new Map()
  #next = 1

  constructor(folder) {
    this.#folder = folder
    const bundles = readdirSync(folder).filter(name => /^speedscope-\w+\.js$/.test(name))
    if (bundles.length !== 1) throw new Error(`${folder} holds ${bundles.length} speedscope bundles`)
    this.#bundleName = bundles[0]
    this.#bundle = hooked(readFileSync(path.join(folder, this.#bundleName), 'utf8'))
    this.#server = createServer((request, response) => this.#answer(request, response))
  }

  async listen() {
    await new Promise(resolve => this.#server.listen(0, '127.0.0.1', resolve))
    this.origin = `http://127.0.0.1:${this.#server.address().port}`
  }

  close() {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  /** The URL path under which the page finds the file; it ends in `name`, which the app looks at. Throws if it is no file. */
  give(file, name) {
    if (!statSync(file).isFile()) throw new Error(`${file} is not a file`)
    const url = `/profile/${this.#next++}/${encodeURIComponent(name)}`
    this.#given.set(url, file)
    return url
  }

  /** The URL path to which the page posts a text that is to be written to `file`. */
  want(file) {
    const url = `/export/${this.#next++}`
    this.#wanted.set(url, file)
    return url
  }

  #answer(request, response) {
    const { pathname } = new URL(request.url, this.origin)
    if (request.method === 'POST' && this.#wanted.has(pathname)) {
      const chunks = []
      request.on('data', chunk => chunks.push(chunk))
      request.on('end', () => {
        writeFileSync(this.#wanted.get(pathname), Buffer.concat(chunks))
        this.#wanted.delete(pathname)
        response.end()
      })
    } else if (this.#given.has(pathname)) {
      const file = this.#given.get(pathname)
      response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': statSync(file).size })
      createReadStream(file).pipe(response)
    } else if (pathname === `/${this.#bundleName}`) {
      response.writeHead(200, { 'Content-Type': TYPES['.js'] })
      response.end(this.#bundle)
    } else {
      this.#static(pathname === '/' ? '/index.html' : pathname, response)
    }
  }

  #static(pathname, response) {
    try {
      const body = readFileSync(path.join(this.#folder, path.basename(pathname)))
      response.writeHead(200, { 'Content-Type': TYPES[path.extname(pathname)] ?? 'application/octet-stream' })
      response.end(body)
    } catch {
      response.writeHead(404)
      response.end()
    }
  }
}
