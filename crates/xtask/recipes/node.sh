# speedscope, the app.
echo '{"private": true}' >package.json
npm install --no-audit --no-fund --save-exact speedscope@1.25.0
