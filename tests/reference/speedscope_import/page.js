// Runs in the page, installed ahead of the app's own script: it catches the app's alerts (they would block the
// page) and what its Export button would save. The rest calls the app's importer and exporter.

(() => {
  if (globalThis.reference) return
  const alerts = []
  const blobs = []
  globalThis.alert = message => void alerts.push(String(message))
  const createObjectURL = URL.createObjectURL.bind(URL)
  URL.createObjectURL = blob => {
    if (blob.type === 'text/json') blobs.push(blob)
    return createObjectURL(blob)
  }

  // The string form of canon.py: JSON readers other than JavaScript's refuse lone surrogates.
  function text(string) {
    if (string.isWellFormed() && !/^(bytes|object):/.test(string)) return string
    const bytes = []
    for (const character of string) {
      const point = character.codePointAt(0)
      if (point >= 0xd800 && point < 0xe000) bytes.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63))
      else bytes.push(...new TextEncoder().encode(character))
    }
    return 'bytes:' + bytes.map(byte => byte.toString(16).padStart(2, '0')).join('')
  }

  // JSON has no NaN and no infinity, and JSON.stringify would print null.
  const number = value => (Number.isFinite(value) ? value : String(value))
  const optional = (value, form) => (value === undefined || value === null ? null : form(value))

  function functions(profile) {
    const rows = []
    profile.forEachFrame(frame => {
      rows.push({
        name: text(String(frame.name)),
        file: optional(frame.file, value => text(String(value))),
        line: optional(frame.line, number),
        col: optional(frame.col, number),
        self: number(frame.getSelfWeight()),
        total: number(frame.getTotalWeight()),
      })
    })
    return rows
  }

  function summary(profile, withFunctions) {
    const row = {
      name: text(profile.getName()),
      unit: profile.getWeightUnit(),
      total: number(profile.getTotalWeight()),
      total_non_idle: number(profile.getTotalNonIdleWeight()),
    }
    if (withFunctions) row.functions = functions(profile)
    return row
  }

  async function post(url, blob) {
    const response = await fetch(url, { method: 'POST', body: blob })
    if (!response.ok) throw new Error(`posting the export: ${response.status}`)
  }

  globalThis.reference = {
    text,
    /** Import by the app's importer; the answer is JSON text. `null` from the importer means "unrecognized format". */
    async import({ url, name, exportUrl, withFunctions }) {
      const fetched = performance.now()
      const buffer = await (await fetch(url)).arrayBuffer()
      const started = performance.now()
      const group = await __reference.importFile(name, buffer)
      const ended = performance.now()
      if (group === null) return JSON.stringify({ ok: false, error: 'unrecognized format' })
      const answer = {
        ok: true,
        name: text(group.name),
        active: group.indexToView,
        bytes: buffer.byteLength,
        fetch_ms: started - fetched,
        import_ms: ended - started,
        profiles: group.profiles.map(profile => summary(profile, withFunctions)),
      }
      if (exportUrl) await post(exportUrl, new Blob([JSON.stringify(__reference.exportGroup(group))]))
      return JSON.stringify(answer)
    },
    /** What the app itself shows after it was sent to `#profileURL=`: null while it is still loading. */
    state() {
      if (alerts.length > 0) return { ok: false, error: text(alerts.join('; ')) }
      if (document.body.innerText.includes('Something went wrong')) return { ok: false, error: null }
      return document.title === 'speedscope' ? null : { ok: true, title: text(document.title) }
    },
    /** Press Ctrl+S and hand on what the app saves. */
    async save(exportUrl) {
      window.dispatchEvent(new KeyboardEvent('keydown', { key: 's', ctrlKey: true }))
      if (blobs.length === 0) throw new Error('the app exported nothing')
      await post(exportUrl, blobs.pop())
    },
  }
})()
