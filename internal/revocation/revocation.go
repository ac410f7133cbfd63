// Package revocation refuses certificates that their authorities have revoked, by the lists that those publish (RFC
// 5280, CRLs), out of files that something else keeps up to date.
//
// It guarantees:
//
//   - A list counts only if an authority that is trusted here has signed it. Each of these must have one, and each
//     certificate of a chain but its last must be of one of these: what cannot be looked up is refused.
//   - A file that was replaced is read again, at the next look, ten seconds after the last one at the earliest. What is
//     worse than what is known, since it cannot be read, is not signed, or is older, changes nothing, and is told of.
//   - A list past its nextUpdate is told of, and what it would be asked about is refused where that is configured.
//
// It is not an OCSP client, fetches nothing, and takes no delta or indirect lists. What it refuses is a handshake: a
// connection that stands goes on.
package revocation

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"sync"
	"time"

	"switchyard/internal/infile"
)

// maxBytes bounds a file of lists.
const maxBytes = 64 << 20

// lookEvery is how long after a look at the files there is another one.
const lookEvery = 10 * time.Second

// Options say which lists there are.
type Options struct {
	Files       []string            // each of one list in DER, or of some in PEM
	Authorities []*x509.Certificate // that are trusted
	// RefuseStale refuses what a list past its nextUpdate would be asked about.
	RefuseStale bool
	Now         func() time.Time // nil: the machine's
}

// Lists are the lists of some authorities. They are safe for concurrent use.
type Lists struct {
	o Options

	mu     sync.Mutex
	looked time.Time
	files  []*file
}

// file is a file and what of it counts.
type file struct {
	name  string
	as    fs.FileInfo // when it was read
	lists []*list
	why   error // what is wrong with what stands there now
}

// list is one authority's.
type list struct {
	by                     *x509.Certificate
	thisUpdate, nextUpdate time.Time
	revoked                map[string]time.Time // by the bytes of the serial number
}

// Standing says how things stand with a file.
type Standing struct {
	File       string
	NextUpdate time.Time // the earliest one of its lists
	Stale      bool      // it has passed
	// Unread says why what stands in the file now does not count, but what stood there before; "" where it does.
	Unread string
}

// Open reads the lists. The error names the file.
func Open(o Options) (*Lists, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	l := &Lists{o: o, looked: o.Now()}
	for _, name := range o.Files {
		f := &file{name: name}
		if err := l.read(f); err != nil {
			return nil, err
		}
		l.files = append(l.files, f)
	}
	for _, a := range o.Authorities {
		if l.of(a) == nil {
			return nil, fmt.Errorf("none of the lists is of the authority %s", a.Subject)
		}
	}
	return l, nil
}

// of is the list of an authority; nil if there is none. l.mu is held, or nobody else knows of l.
func (l *Lists) of(authority *x509.Certificate) *list {
	for _, f := range l.files {
		for _, one := range f.lists {
			if same(one.by, authority) {
				return one
			}
		}
	}
	return nil
}

// same tells whether two certificates are of one authority: it may have several for a key.
func same(a, b *x509.Certificate) bool {
	return bytes.Equal(a.RawSubject, b.RawSubject) && bytes.Equal(a.RawSubjectPublicKeyInfo, b.RawSubjectPublicKeyInfo)
}

// Check refuses a certificate, by the chains that crypto/tls has verified, that is revoked or cannot be looked up. One
// chain on which nothing is wrong is enough, unless a certificate is revoked on another.
func (l *Lists) Check(chains [][]*x509.Certificate) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.look()
	passed, failed := false, errors.New("no chain of the certificate was verified")
	for _, chain := range chains {
		err := l.check(chain)
		var revoked *RevokedError
		if errors.As(err, &revoked) {
			return err
		}
		if err == nil {
			passed = true
		} else {
			failed = err
		}
	}
	if passed {
		return nil
	}
	return failed
}

// RevokedError is a certificate that its authority has revoked.
type RevokedError struct {
	Subject string
	Serial  *big.Int
	Since   time.Time
}

func (e *RevokedError) Error() string {
	return fmt.Sprintf("the certificate %s, serial number %x, is revoked since %s", e.Subject, e.Serial,
		e.Since.UTC().Format(time.RFC3339))
}

func (l *Lists) check(chain []*x509.Certificate) (failed error) {
	for i := range len(chain) - 1 {
		c, authority := chain[i], chain[i+1]
		of := l.of(authority)
		if of == nil {
			failed = fmt.Errorf("the certificate %s cannot be looked up: there is no list of %s", c.Subject, authority.Subject)
			continue
		}
		if since, is := of.revoked[string(c.SerialNumber.Bytes())]; is {
			return &RevokedError{c.Subject.String(), c.SerialNumber, since}
		}
		if l.o.RefuseStale && of.stale(l.o.Now()) {
			failed = fmt.Errorf("the certificate %s cannot be looked up: the list of %s was to be replaced by %s", c.Subject,
				authority.Subject, of.nextUpdate.UTC().Format(time.RFC3339))
		}
	}
	return failed
}

func (x *list) stale(now time.Time) bool { return now.After(x.nextUpdate) }

// Standing returns how things stand with each file, after a look at them if one is due.
func (l *Lists) Standing() []Standing {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.look()
	all := make([]Standing, len(l.files))
	for i, f := range l.files {
		s := Standing{File: f.name}
		for _, one := range f.lists {
			if s.NextUpdate.IsZero() || one.nextUpdate.Before(s.NextUpdate) {
				s.NextUpdate = one.nextUpdate
			}
			s.Stale = s.Stale || one.stale(l.o.Now())
		}
		if f.why != nil {
			s.Unread = f.why.Error()
		}
		all[i] = s
	}
	return all
}

// look reads the files anew that were replaced, if it is time. l.mu is held.
func (l *Lists) look() {
	now := l.o.Now()
	if since := now.Sub(l.looked); since >= 0 && since < lookEvery {
		return
	}
	l.looked = now
	for _, f := range l.files {
		info, err := os.Stat(f.name)
		if err == nil && f.as != nil && os.SameFile(info, f.as) && info.ModTime().Equal(f.as.ModTime()) &&
			info.Size() == f.as.Size() {
			continue // it has been read, or refused, as it is
		}
		f.why = l.read(f)
	}
}

// read reads a file. What is wrong with it changes nothing but what is known of the file itself.
func (l *Lists) read(f *file) error {
	f.as = nil
	info, err := os.Stat(f.name) // before it is read: what is replaced meanwhile is seen by the next look
	if err != nil {
		return err
	}
	text, err := infile.Read(f.name, maxBytes)
	if err != nil {
		return err
	}
	f.as = info
	lists, err := l.parse(text)
	if err == nil {
		err = l.follows(f, lists)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	f.lists = lists
	return nil
}

// follows refuses lists that may not take the place of those of a file.
func (l *Lists) follows(f *file, lists []*list) error {
	for i, one := range lists {
		for _, other := range lists[:i] {
			if same(one.by, other.by) {
				return fmt.Errorf("two lists of %s", one.by.Subject)
			}
		}
		for _, beside := range l.files {
			for _, other := range beside.lists {
				switch {
				case !same(one.by, other.by):
				case beside != f:
					return fmt.Errorf("a list of %s, which %s has, too", one.by.Subject, beside.name)
				case one.thisUpdate.Before(other.thisUpdate):
					return fmt.Errorf("the list of %s is of %s, older than the one that is known, of %s", one.by.Subject,
						one.thisUpdate.UTC().Format(time.RFC3339), other.thisUpdate.UTC().Format(time.RFC3339))
				}
			}
		}
	}
	for _, had := range f.lists {
		if !hasOf(lists, had.by) {
			return fmt.Errorf("the list of %s is gone", had.by.Subject)
		}
	}
	return nil
}

func hasOf(lists []*list, authority *x509.Certificate) bool {
	for _, one := range lists {
		if same(one.by, authority) {
			return true
		}
	}
	return false
}

// parse reads the lists of a file: PEM, or else DER.
func (l *Lists) parse(text []byte) (lists []*list, err error) {
	block, rest := pem.Decode(text)
	if block == nil {
		one, err := l.parseOne(text)
		return []*list{one}, err
	}
	for ; block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "X509 CRL" {
			return nil, fmt.Errorf("it holds a %s; expected X509 CRL", block.Type)
		}
		one, err := l.parseOne(block.Bytes)
		if err != nil {
			return nil, err
		}
		lists = append(lists, one)
	}
	return lists, nil
}

func (l *Lists) parseOne(der []byte) (*list, error) {
	crl, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, fmt.Errorf("it is no revocation list (CRL): %w", err)
	}
	by, err := l.signer(crl)
	if err != nil {
		return nil, err
	}
	if crl.NextUpdate.IsZero() {
		return nil, fmt.Errorf("the list of %s does not say by when it is replaced (nextUpdate)", crl.Issuer)
	}
	// Each critical extension changes what a list means: a delta of another one, or a part of it.
	for _, extension := range crl.Extensions {
		if extension.Critical {
			return nil, fmt.Errorf("the list of %s is not a whole one: critical extension %s", crl.Issuer, extension.Id)
		}
	}
	one := &list{
		by: by, thisUpdate: crl.ThisUpdate, nextUpdate: crl.NextUpdate,
		revoked: make(map[string]time.Time, len(crl.RevokedCertificateEntries)),
	}
	for i := range crl.RevokedCertificateEntries {
		entry := &crl.RevokedCertificateEntries[i]
		for _, extension := range entry.Extensions {
			if extension.Critical {
				return nil, fmt.Errorf("the list of %s has other authorities' certificates: critical extension %s", crl.Issuer,
					extension.Id)
			}
		}
		one.revoked[string(entry.SerialNumber.Bytes())] = entry.RevocationTime
	}
	return one, nil
}

// signer is the authority that signed a list.
func (l *Lists) signer(crl *x509.RevocationList) (*x509.Certificate, error) {
	err := fmt.Errorf("the list is of %s, which is no authority of ca", crl.Issuer)
	for _, a := range l.o.Authorities {
		if !bytes.Equal(a.RawSubject, crl.RawIssuer) {
			continue
		}
		if err = crl.CheckSignatureFrom(a); err == nil {
			return a, nil
		}
		err = fmt.Errorf("the list of %s is not signed by it: %w", crl.Issuer, err)
	}
	return nil, err
}
