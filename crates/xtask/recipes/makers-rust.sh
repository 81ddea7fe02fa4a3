# Rust programs that profile themselves.
exec bash "$RECIPES/../../../fixtures/make/neutral.sh" bash /opt/make/install-rust.sh
