"""Consumes a store subscription with the MQTT client of Eclipse Paho, and prints what came as JSON.

usage: paho_consumer.py PORT 4|5 FILTER COUNT
"""
import json
import sys
import threading

import paho.mqtt.client as mqtt

PORT, VERSION, FILTER, COUNT = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
TIMEOUT_S = 10

events = []
done = threading.Event()


def on_message(client, userdata, message):
    properties = dict(getattr(message.properties, "UserProperty", [])) if VERSION == 5 else {}
    events.append([message.topic, json.loads(message.payload), message.qos, properties.get("stream"), properties.get("attempt")])
    if len(events) == COUNT:
        done.set()


args = {"client_id": f"paho{VERSION}-consumer", "protocol": VERSION}
if hasattr(mqtt, "CallbackAPIVersion"):
    args["callback_api_version"] = mqtt.CallbackAPIVersion.VERSION1
client = mqtt.Client(**args)
client.on_message = on_message
client.on_connect = lambda *_: client.subscribe(FILTER, 1)
client.connect("127.0.0.1", PORT, 30)
client.loop_start()
if not done.wait(TIMEOUT_S):
    raise TimeoutError(f"{len(events)} of {COUNT} events came")
client.disconnect()
client.loop_stop()
print(json.dumps(events))
