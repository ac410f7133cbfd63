// Package secret is what a configuration keeps of a secret, and how one that was told is held against it.
//
// A secret is made by a machine, of 32 random bytes. So a plain SHA-256 is enough: there is nothing to guess, as short
// ones, which people make up, are refused. A slow hash would only give strangers a way to burn the processor with wrong
// secrets. Whether a secret fits takes as long for one that is nearly right as for any other, and for a caller that
// nobody knows ([Hash.Fits] of the zero Hash) as long as for a known one.
//
// It keeps no secret and logs none.
package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"
)

// MinLen is the shortest secret in characters.
const MinLen = 32

// prefix names the hash in its text.
const prefix = "sha256:"

// New makes a secret: 64 hex digits.
func New() string {
	var random [sha256.Size]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(random[:])
}

// Hash is what is kept of a secret. The zero Hash is of none.
type Hash struct {
	sum   [sha256.Size]byte
	given bool
}

// HashOf returns the hash of a secret, which has at least MinLen characters.
func HashOf(secret string) (Hash, error) {
	if len(secret) < MinLen {
		return Hash{}, fmt.Errorf("a secret needs at least %d characters", MinLen)
	}
	return Hash{sum: sha256.Sum256([]byte(secret)), given: true}, nil
}

// ParseHash reads the text of a hash.
func ParseHash(text string) (Hash, error) {
	digits, found := strings.CutPrefix(text, prefix)
	sum, err := hex.DecodeString(digits)
	if !found || err != nil || len(sum) != sha256.Size {
		return Hash{}, fmt.Errorf("the secret's hash: expected %s and %d hex digits", prefix, 2*sha256.Size)
	}
	return Hash{sum: [sha256.Size]byte(sum), given: true}, nil
}

// String is the text in which a configuration keeps the hash: "sha256:" and 64 hex digits; "" of the zero Hash.
func (h Hash) String() string {
	if !h.given {
		return ""
	}
	return prefix + hex.EncodeToString(h.sum[:])
}

// Fits tells whether it is the hash of the secret.
func (h Hash) Fits(secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	same := subtle.ConstantTimeCompare(sum[:], h.sum[:]) == 1
	return same && h.given && len(secret) >= MinLen
}
