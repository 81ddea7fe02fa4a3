# Node packages that write profiles.
exec bash "$RECIPES/../../../fixtures/make/neutral.sh" bash /opt/make/install-node.sh
