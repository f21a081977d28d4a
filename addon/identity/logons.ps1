# An example: reports logons from a domain controller to the gate, each time it is run.
#
# Run it every minute from the Task Scheduler, as an account that may read the Security log. The
# secret is what `schoolgate identity secret logons` printed; keep it in a file that only this
# account can read, and on no other computer: whoever has it can say that anybody is anywhere.
#
# Windows writes 4768 when somebody logs on (a ticket is given out) and 4769 or 4770 while they go
# on working. It does not tell a domain controller when they leave, so what is reported fades. Where
# somebody goes on working who is not the one that logged on, nobody is named until the next logon.

param(
    [string]$Gate = 'http://gate.school.example:8081',
    [string]$SecretFile = 'C:\ProgramData\Schoolgate\logons.secret',
    [string]$LastFile = 'C:\ProgramData\Schoolgate\logons.last',
    [string[]]$Leave = @('svc-*', 'admin-*')   # every account that says nothing about who is there
)

$ErrorActionPreference = 'Stop'
$secret = [Text.Encoding]::UTF8.GetBytes((Get-Content -Raw $SecretFile).Trim())
$last = if (Test-Path $LastFile) { [long](Get-Content $LastFile) } else { 0 }

function Send-Report($what, $account, $address) {
    $body = @{ event = $what; account = $account; address = $address } | ConvertTo-Json -Compress
    $time = [DateTimeOffset]::UtcNow.ToUnixTimeSeconds().ToString()
    $nonce = [Guid]::NewGuid().ToString('N')
    $hmac = New-Object Security.Cryptography.HMACSHA256 (, $secret)
    $signed = $hmac.ComputeHash([Text.Encoding]::UTF8.GetBytes("$time`n$nonce`n$body"))
    $headers = @{
        'X-Schoolgate-Time' = $time
        'X-Schoolgate-Nonce' = $nonce
        'X-Schoolgate-Signature' = [BitConverter]::ToString($signed).Replace('-', '').ToLower()
    }
    Invoke-RestMethod -Method Post -Uri "$Gate/identity/logons" -Headers $headers `
        -ContentType 'application/json' -Body ([Text.Encoding]::UTF8.GetBytes($body)) | Out-Null
}

# Only the last minutes: who logged on before that may have left again.
$filter = @{ LogName = 'Security'; Id = 4768, 4769, 4770; StartTime = (Get-Date).AddMinutes(-3) }
$events = Get-WinEvent -FilterHashtable $filter -ErrorAction SilentlyContinue |
    Where-Object { $_.RecordId -gt $last } | Sort-Object RecordId

$still = @{}
foreach ($event in $events) {
    $facts = @{}
    ([xml]$event.ToXml()).Event.EventData.Data | ForEach-Object { $facts[$_.Name] = $_.'#text' }
    $name = ($facts.TargetUserName -split '@')[0]
    $address = $facts.IpAddress -replace '^::ffff:', ''
    $own = $address -in @('', '-', '::1', '127.0.0.1')
    if ($own -or $name.EndsWith('$') -or ($Leave | Where-Object { $name -like $_ })) { continue }
    if ($event.Id -eq 4768 -and $facts.Status -eq '0x0') {
        Send-Report 'logon' $name $address
        $still.Remove($address)   # whoever worked there before says nothing about who does now
    }
    elseif ($event.Id -ne 4768) { $still[$address] = @($still[$address]) + $name }
}
foreach ($address in $still.Keys) {
    foreach ($name in $still[$address] | Where-Object { $_ } | Sort-Object -Unique) {
        Send-Report 'still-on' $name $address
    }
}
if ($events) { ($events | Select-Object -Last 1).RecordId | Set-Content $LastFile }
