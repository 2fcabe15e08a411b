.PHONY: build test test-all pure sanitize lint docs check clean

build:
	FASTSSE_BUILD=yes python -m pip install -e .

test:
	pytest

test-all:
	pytest --all

pure:
	pytest --all --pure

sanitize:
	bash .ci/sanitize

lint:
	ruff check
	ruff format --check
	mypy
	cython-lint src
	zizmor --offline --quiet .github

docs:
	zensical build --clean --strict

check:
	bash .ci/run

clean:
	rm -rf build dist wheelhouse site .cache src/*.egg-info .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -f src/fastsse/_parser_c.c src/fastsse/*.so src/fastsse/*.pyd
	find src tests -name __pycache__ -prune -exec rm -rf {} +
