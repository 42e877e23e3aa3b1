"""Plays scenarios against a broker with the MQTT client of Eclipse Paho, and prints what it saw as JSON.

usage: paho_peer.py PORT 4|5
"""
import json
import sys
import threading
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PORT, VERSION = int(sys.argv[1]), int(sys.argv[2])
TIMEOUT_S = 10


class Peer:
    """One client that keeps all it receives."""

    def __init__(self, name, clean=True, will=None):
        self.messages = []
        self.session_present = None
        self.changed = threading.Condition()
        args = {"client_id": f"paho{VERSION}-{name}", "protocol": VERSION}
        if VERSION == 4:
            args["clean_session"] = clean
        if hasattr(mqtt, "CallbackAPIVersion"):
            args["callback_api_version"] = mqtt.CallbackAPIVersion.VERSION1
        self.client = mqtt.Client(**args)
        self.client.on_connect = self._connected
        self.client.on_message = self._message
        self.client.on_subscribe = lambda *_: self._note("subscribed")
        self.notes = []
        if will is not None:
            self.client.will_set(*will)
        connect = {}
        if VERSION == 5:
            expiry = Properties(PacketTypes.CONNECT)
            expiry.SessionExpiryInterval = 0 if clean else 100
            connect = {"clean_start": clean, "properties": expiry}
        self.client.connect("127.0.0.1", PORT, 30, **connect)
        self.client.loop_start()
        self.wait(lambda: self.session_present is not None, "connected")

    def _connected(self, client, userdata, flags, rc, properties=None):
        with self.changed:
            self.session_present = bool(flags["session present"])
            self.changed.notify_all()

    def _message(self, client, userdata, message):
        with self.changed:
            self.messages.append(message)
            self.changed.notify_all()

    def _note(self, note):
        with self.changed:
            self.notes.append(note)
            self.changed.notify_all()

    def wait(self, condition, what):
        with self.changed:
            if not self.changed.wait_for(condition, TIMEOUT_S):
                raise TimeoutError(f"{what}: {self.seen()}")

    def subscribe(self, topic, qos):
        before = len(self.notes)
        self.client.subscribe(topic, qos)
        self.wait(lambda: len(self.notes) > before, "subscribed")

    def publish(self, topic, payload, qos, retain=False, properties=None):
        info = self.client.publish(topic, payload, qos, retain, properties=properties)
        info.wait_for_publish()

    def seen(self):
        return [[m.topic, m.payload.decode(), m.qos, bool(m.retain)] for m in self.messages]

    def expect(self, count):
        self.wait(lambda: len(self.messages) >= count, f"{count} messages")
        time.sleep(0.05)
        return self.seen()

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()

    def vanish(self):
        """Breaks the connection without a DISCONNECT."""
        self.client.loop_stop()
        self.client._sock.close()


def main():
    results = {}
    base = f"paho{VERSION}"
    peer = Peer("main")
    peer.subscribe(f"{base}/t/#", 2)
    for qos in (0, 1, 2):
        peer.publish(f"{base}/t/{qos}", f"q{qos}", qos)
    results["both_ways"] = sorted(peer.expect(3))

    peer.publish(f"{base}/r", "kept", 1, retain=True)
    reader = Peer("reader")
    reader.subscribe(f"{base}/r", 1)
    results["retained"] = reader.expect(1)
    peer.publish(f"{base}/r", "", 1, retain=True)

    reader.subscribe(f"{base}/will", 1)
    Peer("dying", will=(f"{base}/will", "gone", 1, False)).vanish()
    results["will"] = reader.expect(3)[-1:]
    reader.close()

    away = Peer("away", clean=False)
    away.subscribe(f"{base}/q/#", 2)
    away.vanish()
    for qos in (1, 2):
        peer.publish(f"{base}/q/{qos}", f"q{qos}", qos)
    back = Peer("away", clean=False)
    results["session"] = [back.session_present, sorted(back.expect(2))]
    back.close()

    if VERSION == 5:
        sent = Properties(PacketTypes.PUBLISH)
        sent.UserProperty = [("b", "1"), ("a", "2"), ("b", "3")]
        sent.ContentType = "text/plain"
        peer.messages.clear()
        peer.publish(f"{base}/t/props", "x", 1, properties=sent)
        peer.expect(1)
        got = peer.messages[0].properties
        results["properties"] = [[list(pair) for pair in got.UserProperty], got.ContentType]
    peer.close()
    print(json.dumps(results))


main()
