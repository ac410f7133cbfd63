package lines_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"switchyard/internal/secret"
	"switchyard/switch/api"
	"switchyard/switch/front"
	"switchyard/switch/front/lines"
	"switchyard/switch/front/lines/client"
)

const shopSecret = "0123456789abcdef0123456789abcdef"

// whoIs answers with the caller's name and whether it may act for the request's merchant.
var whoIs = handlerFunc(func(_ context.Context, caller *api.Caller, r *api.Request) api.Answer {
	return api.Answer{Payment: "P1", Reason: fmt.Sprint(caller.Gateway, " ", caller.MayActFor(r.Merchant))}
})

func listed(t *testing.T) []front.Gateway {
	hash, err := secret.HashOf(shopSecret)
	if err != nil {
		t.Fatal(err)
	}
	return []front.Gateway{
		{Name: "shop", SecretHash: hash.String(), Merchants: []string{"M100000001"}},
		{Name: "tills", CertSubject: "CN=tills,O=Example"},
	}
}

func hello(id, name, secret string) string {
	return fmt.Sprintf(`{"id":%q,"op":"hello","gateway":%q,"secret":%q}`+"\n", id, name, secret)
}

func TestHello(t *testing.T) {
	s := serve(t, front.Options{Handler: whoIs, Gateways: listed(t)}, lines.Options{})
	p := s.connect()
	p.send(hello("1", "shop", shopSecret))
	if got, want := p.line(), `{"id":"1","op":"hello","gateway":"shop"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	p.send(authorizeLine("2"))
	if a := p.answer(); a.Reason != "shop true" {
		t.Errorf("the handler saw %q", a.Reason)
	}
	p.send(strings.Replace(authorizeLine("3"), "M100000001", "M100000002", 1))
	if a := p.refused(api.CodeUnauthorized); a.ID != "3" || a.Err.Field != "merchant" {
		t.Errorf("got %+v, want that the shop may not act for another's merchant", a)
	}
}

func TestNotLetIn(t *testing.T) {
	for name, send := range map[string]string{
		"a request first":        `{"id":"1","op":"ping"}` + "\n",
		"no JSON first":          "hello\n",
		"an unknown name":        hello("1", "shoe", shopSecret),
		"a wrong secret":         hello("1", "shop", strings.Repeat("x", 40)),
		"a short secret":         hello("1", "shop", "x"),
		"one without a secret":   hello("1", "tills", shopSecret),
		"the secret's hash":      hello("1", "shop", listed(t)[0].SecretHash),
		"a hello with a surplus": `{"id":"1","op":"hello","gateway":"shop","secret":"` + shopSecret + `","key":"k"}` + "\n",
		"a hello with two names": `{"id":"1","op":"hello","gateway":"shop","gateway":"shop","secret":"` + shopSecret + `"}` +
			"\n",
		"a hello, then a request": hello("1", "shop", "") + authorizeLine("2"),
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, front.Options{Handler: unreachable(t), Gateways: listed(t)}, lines.Options{})
			p := s.connect()
			p.send(send)
			p.refused(api.CodeUnauthorized)
			p.ended()
			p.Close()
			s.awaitMetric(closedMetric, "unauthorized", 1)
		})
	}
}

// certificates makes a CA, and a server's and a client's certificate of it.
func certificates(t *testing.T, subject pkix.Name) (server, peer *tls.Config) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issue := func(serial int64, template x509.Certificate, parent *x509.Certificate) (*x509.Certificate, tls.Certificate) {
		template.SerialNumber = big.NewInt(serial)
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		if parent == nil {
			parent = &template
		}
		der, err := x509.CreateCertificate(rand.Reader, &template, parent, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	}
	ca, _ := issue(1, x509.Certificate{
		Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil)
	_, serverCert := issue(
		2, x509.Certificate{DNSNames: []string{"switch"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, ca,
	)
	_, peerCert := issue(
		3, x509.Certificate{Subject: subject, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, ca,
	)
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	return &tls.Config{
			Certificates: []tls.Certificate{serverCert}, ClientCAs: pool, ClientAuth: tls.VerifyClientCertIfGiven,
		},
		&tls.Config{Certificates: []tls.Certificate{peerCert}, RootCAs: pool, ServerName: "switch"}
}

func TestTLS(t *testing.T) {
	server, tills := certificates(t, pkix.Name{CommonName: "tills", Organization: []string{"Example"}})
	s := serve(t, front.Options{Handler: whoIs, Gateways: listed(t)}, lines.Options{TLS: server})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()

	t.Run("a certificate stands for the hello", func(t *testing.T) {
		gw, err := client.Dial(ctx, s.address, client.Options{Dial: new(net.Dialer).DialContext, TLS: tills})
		if err != nil {
			t.Fatal(err)
		}
		defer gw.Close()
		req := authorize()
		if a, err := gw.Do(ctx, &req); err != nil || a.Reason != "tills true" {
			t.Errorf("got %+v, %v", a, err)
		}
	})
	t.Run("a hello after the certificate is a second one", func(t *testing.T) {
		_, err := client.Dial(
			ctx, s.address, client.Options{Dial: new(net.Dialer).DialContext, TLS: tills, Gateway: "shop", Secret: shopSecret},
		)
		if err == nil || !strings.Contains(err.Error(), "unauthorized") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a client in clear is told that TLS is spoken", func(t *testing.T) {
		gw, err := client.Dial(ctx, s.address, client.Options{Dial: new(net.Dialer).DialContext})
		if err != nil {
			t.Fatal(err)
		}
		defer gw.Close()
		_, err = gw.Do(ctx, &api.Request{Op: api.OpPing})
		var refused *api.Error
		if !errors.As(err, &refused) || !strings.HasPrefix(refused.Message, "TLS is spoken on this port") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a certificate of another subject needs a hello", func(t *testing.T) {
		stranger := tills.Clone()
		stranger.Certificates = nil
		gw, err := client.Dial(ctx, s.address, client.Options{
			Dial: new(net.Dialer).DialContext, TLS: stranger, Gateway: "shop", Secret: shopSecret,
		})
		if err != nil {
			t.Fatal(err)
		}
		gw.Close()
		gw, err = client.Dial(ctx, s.address, client.Options{Dial: new(net.Dialer).DialContext, TLS: stranger})
		if err != nil {
			t.Fatal(err)
		}
		defer gw.Close()
		if a, err := gw.Do(ctx, &api.Request{Op: api.OpPing}); err != nil || a.Err == nil ||
			a.Err.Code != api.CodeUnauthorized {
			t.Errorf("got %+v, %v", a, err)
		}
	})
}
