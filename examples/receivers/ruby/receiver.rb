# Receives webhooks with Ruby 3 and WEBrick:
#
#   gem install webrick && WEBHOOK_SECRET='your webhook secret' PORT=8080 ruby receiver.rb

require "fileutils"
require "json"
require "openssl"
require "securerandom"
require "webrick"

SECRET = ENV.fetch("WEBHOOK_SECRET", "").b
abort "set WEBHOOK_SECRET to the secret of your webhook" if SECRET.empty?
MAX_BODY_BYTES = 5 * 1024 * 1024 # An event has 4 MiB at most.
TOLERANCE_S = 5 * 60

class Receiver < WEBrick::HTTPServlet::AbstractServlet
  def do_POST(request, response)
    response.status = receive(request)
  end

  # Takes a webhook, and returns the status to answer with.
  def receive(request)
    body = read(request) or return 413
    return 401 unless genuine?(request, body)
    id = event_id(request, body)
    return 400 unless id.match?(/\A[\w-]{1,100}\z/)
    event = JSON.parse(body).fetch("event")
    puts store(id, body) ? "event=#{event} id=#{id}" : "duplicate id=#{id}"
    204
  end

  # The body's bytes as they came, since they are what is signed; nil if it is too large.
  def read(request)
    body = "".b
    request.body do |chunk|
      return if body.bytesize + chunk.bytesize > MAX_BODY_BYTES
      body << chunk
    end
    body
  end

  # Each request has two signatures, and one is enough.
  def genuine?(request, body)
    product, standard = request["growsurf-signature"], request["webhook-signature"]
    return false unless product || standard
    (product.nil? || product_signature?(product, body)) &&
      (standard.nil? || standard_signature?(standard, request, body))
  end

  # By what a repeat is known. Only the standard signature covers the id: without it, anybody could
  # send a copy again under another id, so the body's hash is the key.
  def event_id(request, body)
    return request["webhook-id"].to_s if request["webhook-signature"]
    "body-" + OpenSSL::Digest::SHA256.hexdigest(body)
  end

  # `GrowSurf-Signature: ts=<Unix ms>,v=<hex>`, with another `v=` while an old secret is valid.
  def product_signature?(header, body)
    ts, *digests = header.split(",").map { |part| part.split("=", 2)[1].to_s }
    wanted = OpenSSL::HMAC.hexdigest("SHA256", SECRET, "#{ts}.".b + body)
    fresh?(ts.to_i / 1000.0) && digests.any? { |given| OpenSSL.secure_compare(given, wanted) }
  end

  # `webhook-signature: v1,<base64>`, one for each valid secret; see standardwebhooks.com.
  def standard_signature?(header, request, body)
    id, timestamp = request["webhook-id"], request["webhook-timestamp"]
    key = SECRET.start_with?("whsec_") ? SECRET[6..].unpack1("m") : SECRET
    digest = OpenSSL::HMAC.digest("SHA256", key, "#{id}.#{timestamp}.".b + body)
    wanted = "v1," + [digest].pack("m0")
    fresh?(timestamp.to_i) && header.split(" ").any? { |given| OpenSSL.secure_compare(given, wanted) }
  end

  # An old request may be a copy that somebody sends again.
  def fresh?(seconds)
    (Time.now.to_f - seconds).abs <= TOLERANCE_S
  end

  # Keeps the event in a file, and tells whether it is new: only one request can link its name.
  # With a database, make the id unique there: INSERT … ON CONFLICT DO NOTHING, in the transaction
  # that changes your own tables. Slow work, such as sending e-mail, comes after the answer.
  def store(id, body)
    FileUtils.mkdir_p("events")
    temporary = "events/#{SecureRandom.uuid}.part"
    File.open(temporary, "wb") { |file| file.write(body) && file.fsync }
    is_new = link(temporary, "events/#{id}.json")
    File.open("events", &:fsync) # Now the name is on disk as well.
    is_new
  ensure
    FileUtils.rm_f(temporary)
  end

  def link(temporary, name)
    File.link(temporary, name)
    true
  rescue Errno::EEXIST
    false
  end
end

$stdout.sync = true
port = ENV.fetch("PORT", "8080").to_i
server = WEBrick::HTTPServer.new(BindAddress: "127.0.0.1", Port: port, AccessLog: [])
server.mount("/", Receiver)
trap("TERM") { server.shutdown }
puts "listening on http://127.0.0.1:#{server.listeners.first.local_address.ip_port}"
server.start
