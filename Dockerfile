# The package in a container that trains, as a user without rights; other commands by --entrypoint.
#
#     docker build --tag=tfpix2pix .                                     # for a CPU
#     docker build --tag=tfpix2pix:cuda --build-arg=DEVICE=cuda .        # for NVIDIA's GPUs

FROM python:3.11-slim-bookworm AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY pipelines pipelines
COPY tfpix2pix tfpix2pix
COPY export export
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir=/wheels .

FROM python:3.11-slim-bookworm
# cuda brings 3 GB of NVIDIA's libraries; the driver is the host's.
ARG DEVICE=cpu
ARG EXTRAS=export,serve
COPY constraints.txt /tmp/constraints.txt
COPY --from=build /wheels /tmp/wheels
RUN case "$DEVICE" in \
      cpu) extras="$EXTRAS" ;; \
      cuda) extras="$EXTRAS,cuda" ;; \
      *) echo "DEVICE=$DEVICE is not there; give cpu or cuda" >&2; exit 1 ;; \
    esac \
    && python -m pip install --no-cache-dir --constraint=/tmp/constraints.txt "$(echo /tmp/wheels/*.whl)[$extras]" \
    && rm -r /tmp/wheels /tmp/constraints.txt \
    && useradd --create-home --uid=1000 --user-group trainer \
    && install --directory --owner=trainer --group=trainer /workspace
# A user that --user names has no home.
ENV MPLCONFIGDIR=/tmp/matplotlib KERAS_HOME=/tmp/keras
USER 1000
# Data, runs and models: a volume, or a folder of the host that user 1000 may write to.
WORKDIR /workspace
ENTRYPOINT ["python", "-m", "tfpix2pix.train"]
