exec 3<>"/dev/tcp/$1/$2"
printf 'GET /chat HTTP/1.1\r\nHost: %s:%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n' "$1" "$2" >&3
send() { local LC_ALL=C n; n=${#1}; printf "\\x81\\xfe\\x$(printf %02x $((n >> 8)))\\x$(printf %02x $((n & 255)))\\0\\0\\0\\0%s" "$1" >&3; }
send "{\"type\":\"IDENTIFY\",\"name\":\"$3\"}"
send "{\"type\":\"JOIN\",\"channel\":\"$4\"}"
LC_ALL=C grep --line-buffered -ao '{"ts".*}' <&3 & reader=$!
(while sleep 30; do send '{"type":"PING"}'; done) & trap 'kill $! $reader' EXIT
while read -r line; do
  line=${line//\\/\\\\}; line=${line//\"/\\\"}; send "{\"type\":\"MSG\",\"to\":\"$4\",\"content\":\"${line//[[:cntrl:]]/ }\"}"
done
