# Python tools that write profiles, each in a folder of its own below `makers/python/`, for the interpreter named.
# They are installed inside of neutral.sh, since their files' names get into the profiles.
exec bash "$RECIPES/../../../fixtures/make/neutral.sh" bash /opt/make/install-python.sh
