package sim

import (
	"encoding/base64"
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"switchyard/internal/pan"
	txswitch "switchyard/switch"
)

// Keys are rotated: each life has one more in its key file, with which it seals. What earlier ones sealed stays
// readable, and cards are looked up as before.

func init() { addTopic(topic{name: "keys", draw: drawKeys}) }

const keysPercent = 30

func drawKeys(t *rapid.T, _ *Plan) section {
	if !percent(t, keysPercent) {
		return nil
	}
	return keysSection{}
}

type keysSection struct{}

// String implements section.
func (keysSection) String() string { return "a new key with each life" }

func (keysSection) begin(w *world) any { return &keysPart{w} }

type keysPart struct{ w *world }

// configure implements configures.
func (k *keysPart) configure(_ *switchNode, life int, o *txswitch.Options) {
	text := k.w.keyText
	for i := 1; i < life; i++ {
		secret := base64.StdEncoding.EncodeToString([]byte(fmt.Sprintf("%032d", i)))
		fields := strings.Fields(k.w.keyText)
		text += fmt.Sprintf("%s %08x %s\n", fields[0], i, secret)
	}
	keyring, err := pan.ParseKeyring(text)
	if err != nil {
		k.w.failf("a key file is refused", "%v", err)
		return
	}
	o.Keyring = keyring
}
