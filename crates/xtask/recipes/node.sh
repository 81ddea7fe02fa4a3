# speedscope, and what drives Debian's Chromium to run it: playwright-core downloads no browser of its own.
echo '{"private": true}' >package.json
npm install --no-audit --no-fund --save-exact speedscope@1.25.0 playwright-core@1.65.1
