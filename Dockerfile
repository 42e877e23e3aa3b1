# A node in a container: docker build -t plexus .
# It runs from the sources, as a checkout does; the base image only brings npm, which installs the Node.js that Plexus is pinned to.
FROM node:24-bookworm-slim

WORKDIR /opt/plexus
COPY . .
RUN sh scripts/setup.sh && npm cache clean --force && mkdir /data && chown node:node /data

USER node
ENV PLEXUS_HOST=0.0.0.0 PLEXUS_DATA_DIR=/data
VOLUME /data
# MQTT, HTTP with MQTT over WebSocket, other nodes.
EXPOSE 1883 8080 9443/tcp 9443/udp

ENTRYPOINT ["./plexus", "start"]
