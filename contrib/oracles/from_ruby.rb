# Asks Ruby's mail for the author in a From field. A request is the field's body
# in base64, an answer the addresses of each reader, in base64. The request null
# asks for the readers.
require 'json'
require 'timeout'
begin
  require 'mail'
rescue LoadError
  warn "Ruby's mail is not here: apt-get install ruby-mail"
  exit 77
end
$stdout.sync = true
$VERBOSE = nil

def list(text)
  Mail::AddressList.new(text).addresses.map(&:address)
end

# parsed returns the addresses of a message. A field that mail cannot parse comes
# as one string, which is no address.
def parsed(field)
  from = Mail.new("From:#{field}\r\nSubject: x\r\n\r\nx\r\n").from
  from.is_a?(String) ? [] : Array(from)
end

def decoded(text)
  Mail::Encodings.value_decode(text)
end

version = Gem.loaded_specs['mail']&.version&.to_s || Mail::VERSION.version
readers = [
  ['Ruby mail', false, ->(f) { parsed(f) }],
  ['Ruby mail AddressList', false, ->(f) { list(f.gsub(/\r\n([ \t])/, '\1')) }],
  ['Ruby mail AddressList after decoding', true, ->(f) { list(decoded(f.gsub(/\r\n([ \t])/, '\1'))) }]
]

while (line = gets)
  request = JSON.parse(line)
  if request.nil?
    puts JSON.generate(readers.map { |name, decodes, _| { Name: name, Version: version, Decodes: decodes } })
    next
  end
  field = request.unpack1('m').b
  puts JSON.generate(readers.map { |_, _, read|
    begin
      found = Timeout.timeout(2) { read.call(field.dup) }
    rescue StandardError, NoMemoryError, SystemStackError # a reader that fails shows no author
      found = []
    end
    found.compact.map { |a| [a.to_s.b].pack('m0') }
  })
end
