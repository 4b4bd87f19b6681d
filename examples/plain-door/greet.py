import http.client, json, sys
door, name, channel = http.client.HTTPConnection(*sys.argv[1:3]), *sys.argv[3:]
door.request("GET", "/chat", headers={"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "A" * 22 + "=="})
come = door.getresponse().fp
def send(**message): text = json.dumps(message).encode(); door.send(b"\x81\xfe" + len(text).to_bytes(2, "big") + bytes(4) + text)
send(type="IDENTIFY", name=name); send(type="JOIN", channel=channel)
while head := come.read(2):
    body = come.read(head[1] if head[1] < 126 else int.from_bytes(come.read(2 if head[1] == 126 else 8), "big"))
    if head[0] == 0x89: door.send(b"\x8a\x80" + bytes(4))
    if head[0] == 0x81 and (said := json.loads(body))["type"] == "MSG" and not said.get("replay") and name in said["content"] and said["from_name"] != name: send(type="MSG", to=channel, content=f"hello {said['from']}")
