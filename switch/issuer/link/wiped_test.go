package link_test

import (
	"bytes"
	"context"
	"net"
	"testing"
	"testing/synctest"

	"switchyard/switch/issuer/link"
)

// wrote is a connection that remembers the memory that it was written from.
type wrote struct {
	net.Conn
	from *[][]byte
}

func (w wrote) Write(p []byte) (int, error) {
	*w.from = append(*w.from, p)
	return w.Conn.Write(p)
}

// I12: no card number stays in the memory that frames are sent from.
func TestFramesAreWiped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var from [][]byte
		i := &issuer{}
		f := newFixture(t, i, func(c *link.Config) {
			c.Dial = func(ctx context.Context, address string) (net.Conn, error) {
				nc, err := i.dial(ctx, address)
				return wrote{nc, &from}, err
			}
		})
		synctest.Wait()
		for stan := range 3 {
			if _, err := f.send(stan + 1); err != nil {
				t.Fatal(err)
			}
		}
		f.close()
		if len(from) < 3 || bytes.Contains(bytes.Join(from, nil), []byte("4000001234567899")) {
			t.Errorf("%d writes: a card number is in the memory that they were made from", len(from))
		}
	})
}
