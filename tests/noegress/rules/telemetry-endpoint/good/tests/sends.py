import requests


def send_telemetry():
    requests.post("https://telemetry.vendor.dev/v1/events", json={})
