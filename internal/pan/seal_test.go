package pan

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
)

const testPAN = "4000001234560002"

func newKey(t testing.TB) string {
	t.Helper()
	text, err := GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func ring(t testing.TB, text string) *Keyring {
	t.Helper()
	k, err := ParseKeyring(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSealOpens(t *testing.T) {
	k := ring(t, newKey(t))
	nonce := [12]byte{1, 2, 3}
	sealed := k.Seal(nonce, testPAN, "2912")
	if bytes.Contains(sealed, []byte(testPAN[:6])) {
		t.Fatal("the sealed card shows its number")
	}
	pan, expiry, err := k.Open(k.SealingKey(), nonce, sealed)
	if err != nil || pan != testPAN || expiry != "2912" {
		t.Fatalf("Open gave %q %q, %v", pan, expiry, err)
	}
	if again := k.Seal(nonce, testPAN, "2912"); !bytes.Equal(again, sealed) {
		t.Error("sealing the same card under the same number gave other bytes")
	}
}

func TestOpenRefuses(t *testing.T) {
	k := ring(t, newKey(t))
	nonce := [12]byte{1, 2, 3}
	sealed := k.Seal(nonce, testPAN, "2912")
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, _, err := k.Open(k.SealingKey(), nonce, bad); !errors.Is(err, ErrSealed) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
	if _, _, err := k.Open(k.SealingKey(), [12]byte{9}, sealed); !errors.Is(err, ErrSealed) {
		t.Errorf("another nonce: %v", err)
	}
	if _, _, err := k.Open(k.SealingKey(), nonce, nil); !errors.Is(err, ErrSealed) {
		t.Errorf("no bytes: %v", err)
	}
	if _, _, err := k.Open(k.SealingKey()+1, nonce, sealed); err == nil ||
		!strings.Contains(err.Error(), fmt.Sprintf("%08x", k.SealingKey()+1)) {
		t.Errorf("a key that is not there: %v", err)
	}
	// A key of the same id but other bytes.
	words := strings.Fields(newKey(t))
	other := ring(t, fmt.Sprintf("%s %08x %s", words[0], k.SealingKey(), words[2]))
	if _, _, err := other.Open(k.SealingKey(), nonce, sealed); !errors.Is(err, ErrSealed) ||
		strings.Contains(err.Error(), testPAN) {
		t.Errorf("another key of the same id: %v", err)
	}
}

// A key is changed by appending one: old cards still open, and hashes and MACs stay what they were.
func TestAppendedKey(t *testing.T) {
	first := newKey(t)
	before := ring(t, first)
	after := ring(t, "# changed in spring\n\n"+first+newKey(t))
	if before.SealingKey() == after.SealingKey() {
		t.Fatal("the last key does not seal")
	}
	sealed := before.Seal([12]byte{7}, testPAN, "2912")
	if pan, _, err := after.Open(before.SealingKey(), [12]byte{7}, sealed); err != nil || pan != testPAN {
		t.Errorf("an old card: %v", err)
	}
	body := func(b []byte) []byte { return append(b, "body"...) }
	if before.Hash(testPAN) != after.Hash(testPAN) || before.MAC(body) != after.MAC(body) ||
		before.Check() != after.Check() {
		t.Error("a hash changed with the sealing key")
	}
	check := before.Check()
	if err := after.CheckAgainst(check[:]); err != nil {
		t.Error(err)
	}
	if err := ring(t, newKey(t)).CheckAgainst(check[:]); err == nil {
		t.Error("a foreign ring passes the check")
	}
}

// The hashes by their definition: HKDF-SHA-256 written out with HMAC, empty salt, one block.
func TestHashesByDefinition(t *testing.T) {
	secret := bytes.Repeat([]byte{0xA5}, 32)
	k := ring(t, "switchyard-key-1 00c0ffee "+base64.StdEncoding.EncodeToString(secret))
	sum := func(key, data []byte) []byte {
		m := hmac.New(sha256.New, key)
		m.Write(data)
		return m.Sum(nil)
	}
	sub := func(label string) []byte {
		return sum(sum(make([]byte, 32), secret), append([]byte(label), 1))
	}
	for range 3 { // a pooled state must not remember
		if got, want := k.Hash(testPAN), sum(sub("switchyard card look-up 1"), []byte(testPAN))[:16]; !bytes.Equal(
			got[:], want,
		) {
			t.Errorf("Hash is %x, want %x", got, want)
		}
		got := k.MAC(func(b []byte) []byte { return append(b, "a body"...) })
		if want := sum(sub("switchyard request body 1"), []byte("a body"))[:16]; !bytes.Equal(got[:], want) {
			t.Errorf("MAC is %x, want %x", got, want)
		}
	}
	if got, want := k.Check(), sub("switchyard key check 1")[:16]; !bytes.Equal(got[:], want) {
		t.Errorf("Check is %x, want %x", got, want)
	}
}

func TestParseKeyringErrors(t *testing.T) {
	key := newKey(t)
	words := strings.Fields(key)
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "no key"},
		{"comments only", "# none\n", "no key"},
		{"two words", "\n" + words[0] + " " + words[1], "line 2: expected three words"},
		{"newer tag", key + strings.Replace(key, "key-1", "key-2", 1), "line 2: expected it to begin"},
		{"id no hex", words[0] + " zzzzzzzz " + words[2], "line 1: expected the key's id"},
		{"id short", words[0] + " 1 " + words[2], "line 1: expected the key's id"},
		{"id zero", words[0] + " 00000000 " + words[2], "line 1: expected the key's id"},
		{"key short", words[0] + " " + words[1] + " " + words[2][4:], "line 1: expected the key as 32 bytes"},
		{"key no base64", words[0] + " " + words[1] + " ?" + words[2][1:], "line 1: expected the key as 32 bytes"},
		{"twice", key + "\n" + key, "line 3: key " + words[1] + " stands there twice"},
	} {
		_, err := ParseKeyring(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want it to say %q", c.name, err, c.want)
		} else if strings.Contains(err.Error(), words[2][4:20]) {
			t.Errorf("%s: the error shows the key", c.name)
		}
	}
}

func TestGenerateKey(t *testing.T) {
	a, b := newKey(t), newKey(t)
	if a == b || strings.Count(a, "\n") != 1 {
		t.Errorf("two keys: %d and %d bytes", len(a), len(b))
	}
	if _, err := GenerateKey(strings.NewReader("short")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a dry source: %v", err)
	}
	text, err := GenerateKey(bytes.NewReader(make([]byte, 64)))
	if err != nil || ring(t, text).SealingKey() == 0 {
		t.Errorf("a zero id: %v", err)
	}
}

func TestKeyringConcurrent(t *testing.T) {
	k := ring(t, newKey(t))
	want := k.Hash(testPAN)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 200 {
				nonce := [12]byte{byte(i), byte(j)}
				pan, _, err := k.Open(k.SealingKey(), nonce, k.Seal(nonce, testPAN, "2912"))
				if err != nil || pan != testPAN || k.Hash(testPAN) != want {
					t.Errorf("goroutine %d: %v", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkSeal(b *testing.B) {
	k := ring(b, newKey(b))
	b.ReportAllocs()
	for b.Loop() {
		k.Seal([12]byte{1}, testPAN, "2912")
	}
}

func BenchmarkOpen(b *testing.B) {
	k := ring(b, newKey(b))
	sealed := k.Seal([12]byte{1}, testPAN, "2912")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := k.Open(k.SealingKey(), [12]byte{1}, sealed); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	k := ring(b, newKey(b))
	b.ReportAllocs()
	for b.Loop() {
		k.Hash(testPAN)
	}
}

func BenchmarkMAC(b *testing.B) {
	k := ring(b, newKey(b))
	body := bytes.Repeat([]byte{'x'}, 200)
	b.ReportAllocs()
	for b.Loop() {
		k.MAC(func(b []byte) []byte { return append(b, body...) })
	}
}
