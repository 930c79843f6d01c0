// Receives webhooks with nothing but Go 1.19 or newer:
//
//	WEBHOOK_SECRET='your webhook secret' PORT=8080 go run .
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	maxBodyBytes = 5 << 20 // An event has 4 MiB at most.
	tolerance    = 5 * time.Minute
)

var (
	secret = os.Getenv("WEBHOOK_SECRET")
	isID   = regexp.MustCompile(`^[\w-]{1,100}$`).MatchString
)

func main() {
	if secret == "" {
		log.Fatal("set WEBHOOK_SECRET to the secret of your webhook")
	}
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	handler := func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(receive(w, r)) }
	server := &http.Server{Handler: http.HandlerFunc(handler), ReadTimeout: 30 * time.Second}
	log.Fatal(server.Serve(listener))
}

// Takes a webhook, and returns the status to answer with.
func receive(w http.ResponseWriter, r *http.Request) int {
	// The bytes as they came, since they are what is signed.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	if err != nil {
		return http.StatusRequestEntityTooLarge
	}
	if !isGenuine(r.Header, body) {
		return http.StatusUnauthorized
	}
	id := eventID(r.Header, body)
	var envelope struct{ Event string }
	if !isID(id) || json.Unmarshal(body, &envelope) != nil {
		return http.StatusBadRequest
	}
	isNew, err := store(id, body)
	if err != nil {
		log.Print(err)
		return http.StatusInternalServerError // Not taken, so it is sent again.
	}
	if isNew {
		fmt.Printf("event=%s id=%s\n", envelope.Event, id)
	} else {
		fmt.Printf("duplicate id=%s\n", id)
	}
	return http.StatusNoContent
}

// Each request has two signatures, and one is enough.
func isGenuine(header http.Header, body []byte) bool {
	product, standard := header.Values("growsurf-signature"), header.Values("webhook-signature")
	return len(product)+len(standard) > 0 &&
		(len(product) == 0 || isProductSignature(product[0], body)) &&
		(len(standard) == 0 || isStandardSignature(standard[0], header, body))
}

// By what a repeat is known. Only the standard signature covers the id: without it, anybody could
// send a copy again under another id, so the body's hash is the key.
func eventID(header http.Header, body []byte) string {
	if len(header.Values("webhook-signature")) > 0 {
		return header.Get("webhook-id")
	}
	return fmt.Sprintf("body-%x", sha256.Sum256(body))
}

// `GrowSurf-Signature: ts=<Unix ms>,v=<hex>`, with another `v=` while an old secret is valid.
func isProductSignature(signature string, body []byte) bool {
	parts := strings.Split(signature, ",")
	ts := strings.TrimPrefix(parts[0], "ts=")
	wanted := "v=" + hex.EncodeToString(digest([]byte(secret), ts+".", body))
	milliseconds, err := strconv.ParseInt(ts, 10, 64)
	return err == nil && isFresh(time.UnixMilli(milliseconds)) && hasAny(parts, wanted)
}

// `webhook-signature: v1,<base64>`, one for each valid secret; see standardwebhooks.com.
func isStandardSignature(signature string, header http.Header, body []byte) bool {
	id, timestamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	key := []byte(secret)
	if strings.HasPrefix(secret, "whsec_") {
		key, _ = base64.StdEncoding.DecodeString(secret[len("whsec_"):])
	}
	wanted := "v1," + base64.StdEncoding.EncodeToString(digest(key, id+"."+timestamp+".", body))
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	return err == nil && isFresh(time.Unix(seconds, 0)) && hasAny(strings.Split(signature, " "), wanted)
}

func digest(key []byte, prefix string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(prefix))
	mac.Write(body)
	return mac.Sum(nil)
}

// An old request may be a copy that somebody sends again.
func isFresh(sent time.Time) bool {
	return time.Since(sent).Abs() <= tolerance
}

// In constant time, so that nobody can find a signature out byte by byte.
func hasAny(given []string, wanted string) bool {
	for _, signature := range given {
		if hmac.Equal([]byte(signature), []byte(wanted)) {
			return true
		}
	}
	return false
}

// Keeps the event in a file, and tells whether it is new: only one request can link its name.
// With a database, make the id unique there: INSERT … ON CONFLICT DO NOTHING, in the transaction
// that changes your own tables. Slow work, such as sending e-mail, comes after the answer.
func store(id string, body []byte) (bool, error) {
	if err := os.MkdirAll("events", 0o755); err != nil {
		return false, err
	}
	file, err := os.CreateTemp("events", "*.part")
	if err != nil {
		return false, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if _, err := file.Write(body); err != nil {
		return false, err
	}
	if err := file.Sync(); err != nil {
		return false, err
	}
	linked := os.Link(file.Name(), "events/"+id+".json")
	if linked != nil && !errors.Is(linked, os.ErrExist) {
		return false, linked
	}
	directory, err := os.Open("events")
	if err != nil {
		return false, err
	}
	defer directory.Close()
	return linked == nil, directory.Sync() // Now the name is on disk as well.
}
