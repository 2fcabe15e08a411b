.PHONY: build test pure lint check clean

build:
	FASTSSE_BUILD=yes python -m pip install -e .

test:
	pytest

pure:
	pytest --pure

lint:
	ruff check
	ruff format --check
	mypy
	cython-lint src
	zizmor --offline --quiet .github

check:
	bash .ci/run

clean:
	rm -rf build dist wheelhouse src/*.egg-info .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -f src/fastsse/_parser_c.c src/fastsse/*.so src/fastsse/*.pyd
	find src tests -name __pycache__ -prune -exec rm -rf {} +
