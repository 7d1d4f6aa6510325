# make results   everything from nothing: environment, data, training, tables, figures
# make report    its report alone: one HTML page that needs no network
# make notebook  look at results in JupyterLab
# make test      all tests        make lint   all checks        make fuzz   more broken input
# make test-oldest, test-newest   all tests on the lowest and highest versions that pyproject.toml allows
# make test-cluster      a real Slurm, which it installs and starts: root and apt-get, an hour; ONLY=… of its tests
# make test-reliability  kills, full disks, odd machines: root
# make lock      resolve versions again
SUITE ?= digits
PYTHON ?= python3
CORES ?= all
SNAKEMAKE = .venv/bin/snakemake --cores $(CORES)
CHOSEN = --config suite=$(SUITE) $(CONFIG)

export PATH := $(CURDIR)/.venv/bin:$(PATH)

# Where there is no home folder that can be written, as for a service or in a container, what snakemake keeps there lies here.
ifneq ($(shell test -w "$(HOME)" && echo yes),yes)
export XDG_CACHE_HOME ?= $(CURDIR)/.snakemake/cache
export XDG_CONFIG_HOME ?= $(CURDIR)/.snakemake/config
endif

.PHONY: results report notebook publish verify test test-oldest test-newest fuzz test-cluster test-reliability lint lock

results: .venv/ready
	$(SNAKEMAKE) $(CHOSEN)

report: .venv/ready
	$(SNAKEMAKE) report $(CHOSEN)

notebook: .venv/ready
	.venv/bin/jupyter lab workflow/notebooks/explore.ipynb

publish: .venv/ready
	$(SNAKEMAKE) publish $(CHOSEN)

# Builds the suite once more, in a folder of its own; with SEEDS=42,43 these runs of it. In a file, as snakemake's --config reads
# numbers within blocks as text.
verify: .venv/ready
	rebuilt=$$(mktemp -d) && \
	echo '{$(if $(SEEDS),suites: {$(SUITE): {seeds: [$(SEEDS)]}})}' > $$rebuilt/chosen.yaml && \
	$(SNAKEMAKE) verify --configfile $$rebuilt/chosen.yaml $(CHOSEN) results=$$rebuilt && rm -r $$rebuilt || \
	{ echo "What was built stays in $$rebuilt"; exit 1; }

test: .venv/ready
	.venv/bin/pytest -n 2 --dist loadfile --no-loadscope-reorder

# For once a week, since CI tests what the lock pins; docs/reproducing.md#other-versions. Made anew each time: what is newest changes.
# Without the plugins for clusters: that for Slurm asks for newer versions than the rest does, and would hide the lowest ones.
test-oldest: RESOLUTION = lowest-direct
test-newest: RESOLUTION = highest
test-oldest test-newest: test-%:
	$(PYTHON) -m venv --clear .venv-$*
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check uv
	.venv-$*/bin/uv pip install --quiet --python .venv-$* --resolution $(RESOLUTION) --editable '.[pipeline,notebook,dev]'
	PATH="$(CURDIR)/.venv-$*/bin:$$PATH" VERSIONS=$* .venv-$*/bin/pytest -n 2 --dist loadfile --no-loadscope-reorder

# Ten times the fuzzed cases of `make test`, other ones every time.
fuzz: .venv/ready
	FUZZ_CASES=$${FUZZ_CASES:-1000} FUZZ_PATIENCE=10 .venv/bin/pytest -n 2 tests/fuzz

test-cluster: .venv/ready
	.venv/bin/pytest --override-ini addopts= -q tests/cluster $(if $(ONLY),-k '$(ONLY)')

# What killed processes, full disks, odd machines do; docs/reliability.md. Root, faketime, disorderfs; RELIABILITY_SUITE=small is faster.
test-reliability: .venv/ready
	.venv/bin/pytest --override-ini addopts= -q -p no:cacheprovider tests/reliability

lint: .venv/ready
	.venv/bin/ruff check . && .venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/snakefmt --check Snakefile workflow
	.venv/bin/snakemake --lint

lock:
	$(PYTHON) -m pip install --dry-run --ignore-installed --quiet --report - '.[pipeline,slurm,cluster,notebook,dev]' | $(PYTHON) envs/lock.py

# The CUDA build of torch is large; --no-cache-dir would save space, the cache saves time.
.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch .venv/ready
