package pan

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"switchyard/internal/mutant"
)

// The text form of a key: "switchyard-key-1 0a1b2c3d <32 bytes in base64>".
const (
	keyTag   = "switchyard-key-1"
	keyBytes = 32
	keyParts = 3
	// maxKeys bounds a ring: a key a month for twenty years.
	maxKeys = 240
)

// The labels under which sub keys are derived (HKDF-SHA-256). Bytes on disk depend on them.
const (
	labelSeal  = "switchyard card sealing 1"
	labelHash  = "switchyard card look-up 1"
	labelMAC   = "switchyard request body 1"
	labelCheck = "switchyard key check 1"
)

// ErrSealed is returned when a sealed card does not open: it was sealed with another key or under another number, or
// its bytes were changed.
var ErrSealed = errors.New("pan: the sealed card does not open with its key")

// Keyring seals card numbers at rest and hashes them for look-up (I12). It is safe for concurrent use.
//
// The keys stand in a file, one a line, oldest first. The last one seals; all of them open. Look-up hashes, body MACs
// and [Keyring.Check] come from the first one for good, since they are compared with stored ones: a key is changed by
// appending a line, and the first line stays as long as the journal.
//
// A card is sealed under its payment's unique number as nonce, so whoever makes numbers again that were given before
// (by going back to an old copy of a journal) must append a new key first.
type Keyring struct {
	keys     map[uint32]cipher.AEAD
	sealing  uint32
	sealings sync.Pool // of *sealState
	openings sync.Pool // of *openState
	hashes   macPool
	macs     macPool
	check    [16]byte
}

// GenerateKey returns the text form of a new key, one line with its LF. It takes 36 bytes from rand, which must be a
// cryptographic source.
func GenerateKey(rand io.Reader) (text string, err error) {
	var b [4 + keyBytes]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", fmt.Errorf("pan: no randomness for a key: %w", err)
	}
	id := binary.BigEndian.Uint32(b[:4])
	if id == 0 {
		id = 1 // 0 is no key
	}
	return fmt.Sprintf("%s %08x %s\n", keyTag, id, base64.StdEncoding.EncodeToString(b[4:])), nil
}

// ParseKeyring reads keys in their text form, one a line; blank lines and lines that begin with # are skipped. Errors
// name the line and never show what stands in it.
func ParseKeyring(text string) (*Keyring, error) {
	k := &Keyring{keys: map[uint32]cipher.AEAD{}}
	k.openings.New = func() any { return new(openState) }
	n := 0
	for line := range strings.Lines(text) {
		n++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		id, secret, err := parseKey(line)
		if err != nil {
			return nil, fmt.Errorf("pan: key file, line %d: %w", n, err)
		}
		if k.keys[id] != nil {
			return nil, fmt.Errorf("pan: key file, line %d: key %08x stands there twice", n, id)
		}
		if len(k.keys) == maxKeys {
			return nil, fmt.Errorf("pan: key file, line %d: more than %d keys", n, maxKeys)
		}
		if err := k.add(id, secret); err != nil {
			return nil, fmt.Errorf("pan: key file, line %d: %w", n, err)
		}
	}
	if len(k.keys) == 0 {
		return nil, errors.New("pan: key file: no key in it")
	}
	return k, nil
}

func parseKey(line string) (id uint32, secret []byte, err error) {
	parts := strings.Fields(line)
	if len(parts) != keyParts {
		return 0, nil, fmt.Errorf("expected three words: %s, the key's id, the key", keyTag)
	}
	if parts[0] != keyTag {
		return 0, nil, fmt.Errorf("expected it to begin with %s", keyTag)
	}
	n, err := strconv.ParseUint(parts[1], 16, 32)
	if err != nil || len(parts[1]) != 8 || n == 0 {
		return 0, nil, errors.New("expected the key's id as eight hexadecimal digits, not all zero")
	}
	secret, err = base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(secret) != keyBytes {
		return 0, nil, fmt.Errorf("expected the key as %d bytes in base64", keyBytes)
	}
	return uint32(n), secret, nil
}

// add makes a key the sealing one; the first one added also gives the hashes their sub keys.
func (k *Keyring) add(id uint32, secret []byte) error {
	sub := func(label string) ([]byte, error) { return hkdf.Key(sha256.New, secret, nil, label, keyBytes) }
	sealKey, err := sub(labelSeal)
	if err != nil {
		return err
	}
	block, err := aes.NewCipher(sealKey)
	if err != nil {
		return err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return err
	}
	if len(k.keys) == 0 {
		for label, into := range map[string]*macPool{labelHash: &k.hashes, labelMAC: &k.macs} {
			key, err := sub(label)
			if err != nil {
				return err
			}
			into.New = func() any { return &macState{Hash: hmac.New(sha256.New, key)} }
		}
		check, err := sub(labelCheck)
		if err != nil {
			return err
		}
		copy(k.check[:], check)
	}
	k.keys[id], k.sealing = aead, id
	k.sealings.New = func() any {
		s := new(sealState)
		binary.BigEndian.PutUint32(s.id[:], id)
		return s
	}
	return nil
}

// SealingKey returns the id of the key that [Keyring.Seal] uses; the record keeps it for [Keyring.Open].
func (k *Keyring) SealingKey() uint32 { return k.sealing }

// Has tells whether the ring has a key.
func (k *Keyring) Has(id uint32) bool { return k.keys[id] != nil }

// Seal encrypts a card number (at most 255 bytes) and its expiry (YYMM) with AES-256-GCM. The nonce is the payment's
// unique number: never two cards under one. The key's id is authenticated with them.
func (k *Keyring) Seal(nonce [12]byte, pan, expiry string) []byte {
	return k.AppendSealed(nil, nonce, pan, expiry)
}

// AppendSealed is Seal into memory of the caller's.
func (k *Keyring) AppendSealed(dst []byte, nonce [12]byte, pan, expiry string) []byte {
	s := k.sealings.Get().(*sealState)
	s.nonce = nonce
	begin := len(dst)
	dst = slices.Grow(dst, 1+len(pan)+len(expiry)+k.keys[k.sealing].Overhead())
	dst = append(dst, byte(len(pan)))
	dst = append(dst, pan...)
	dst = append(dst, expiry...)
	dst = k.keys[k.sealing].Seal(dst[:begin], s.nonce[:], dst[begin:], s.id[:])
	k.sealings.Put(s)
	return dst
}

// sealState is what an AEAD takes by reference: in a pooled one it allocates nothing.
type sealState struct {
	nonce [12]byte
	id    [4]byte // of the sealing key
}

// Open decrypts what Seal made with the key keyID under the same nonce. It fails with an error that names the key when
// the ring does not have it, and with [ErrSealed] when the bytes do not open.
func (k *Keyring) Open(keyID uint32, nonce [12]byte, sealed []byte) (pan, expiry string, err error) {
	aead := k.keys[keyID]
	if aead == nil || keyID != k.sealing && mutant.On(mutant.OldKeysDropped) {
		return "", "", fmt.Errorf("pan: the card is sealed with key %08x, which is not in the key file", keyID)
	}
	s := k.openings.Get().(*openState)
	s.nonce = nonce
	binary.BigEndian.PutUint32(s.id[:], keyID)
	b, err := aead.Open(s.text[:0], s.nonce[:], sealed, s.id[:])
	text, n := "", 0
	if err == nil && len(b) > 0 {
		text, n = string(b[1:]), int(b[0]) // both are parts of one text
	}
	clear(b)
	k.openings.Put(s)
	if err != nil || len(b) == 0 || n > len(text) {
		return "", "", fmt.Errorf("%w %08x", ErrSealed, keyID)
	}
	return text[:n], text[n:], nil
}

// openState is sealState with room for what is opened.
type openState struct {
	sealState
	text [32]byte // a card number and its expiry, which are 24
}

// Hash returns the keyed hash (HMAC-SHA-256, its first 16 bytes) under which a card number is looked up.
func (k *Keyring) Hash(pan string) [16]byte {
	s := k.hashes.get()
	s.text = append(s.text[:0], pan...)
	_, _ = s.Write(s.text) // a hash never fails
	clear(s.text)
	return k.hashes.sum(s)
}

// MAC returns the keyed hash (HMAC-SHA-256, its first 16 bytes) of what parts appends to b. The caller frames the parts
// (a length before each), so that no two lists of them read the same. parts must not keep b.
func (k *Keyring) MAC(parts func(b []byte) []byte) [16]byte {
	s := k.macs.get()
	s.text = parts(s.text[:0])
	_, _ = s.Write(s.text) // a hash never fails
	clear(s.text)
	return k.macs.sum(s)
}

// Check returns a value that belongs to the ring's first key and tells nothing about it. A journal keeps it from its
// first opening on, so that another ring is refused at start and not at the first card.
func (k *Keyring) Check() [16]byte { return k.check }

// CheckAgainst compares a stored check value and explains a difference.
func (k *Keyring) CheckAgainst(stored []byte) error {
	if !bytes.Equal(stored, k.check[:]) {
		return errors.New(
			"pan: this key file does not belong to this journal: its first key is another one than the journal was made with",
		)
	}
	return nil
}

// macState is an HMAC with room for its input and its sum, so that a pooled one allocates nothing.
type macState struct {
	hash.Hash
	text []byte
	out  [sha256.Size]byte
}

type macPool struct{ sync.Pool }

func (p *macPool) get() *macState { return p.Get().(*macState) }

// sum ends the hash, hands its state back and returns the first 16 bytes.
func (p *macPool) sum(s *macState) (out [16]byte) {
	s.Sum(s.out[:0])
	copy(out[:], s.out[:])
	s.Reset()
	p.Put(s)
	return out
}
